// All resources, in one resource group. `azd up` deploys them; docs/deploying.md describes the steps.
// No key is used: each app, Capture and the operator have an identity with roles (modules/roles.bicep).
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the environment; part of the names of all resources.')
param environmentName string

@minLength(1)
@description('Region of all resources. Must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Object id of the principal that deploys. It gets the roles to write site documents and secrets, for the hooks and commands.')
param principalId string

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('Kind of that principal; a pipeline is a ServicePrincipal.')
param principalType string = 'User'

@description('Origins of the pages that send events, with commas between them, such as https://www.example.com,https://shop.example.com. The platform answers preflights from this list.')
param allowedOrigins string = ''

@description('Address that alerts and the budget write to; without it they only show in the portal.')
param alertEmail string = ''

@minValue(0)
@description('Budget a month in the currency of the subscription, with a notice at 80 and 100 %; 0 for none.')
param monthlyBudget int = 0

@description('First month of the budget.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Whether storage, Event Hubs and the vault are reached through a private network only.')
param vnetEnabled bool = false

@description('With a private network: the public address, such as 203.0.113.7, from which hooks and commands reach storage and the vault all the same.')
param operatorAddress string = ''

@description('Whether the lake has a lock against deletion.')
param lockEnabled bool = false

@description('Whether the lake has a hierarchical namespace, which Fabric shortcuts and abfss need. An account keeps it for good.')
param hierarchicalNamespace bool = false

@description('Whether events go to Event Hubs, from which Capture writes them to the lake. If not, the apps write each request to the spill, which is cheaper below some thirteen million requests a month (docs/cost.md).')
param eventHubsEnabled bool = true

@maxLength(256)
@description('Hub of the namespace that messages of audiences go to, such as audience-changes; without it there is none. It has no Capture, and the lake\'s app may send to it.')
param audienceHub string = ''

@minValue(60)
@maxValue(900)
@description('Seconds that Capture gathers before it writes a file.')
param captureSeconds int = 60

@minValue(1)
@maxValue(32)
@description('Partitions of the hub of events; cannot be changed afterwards. One carries 1 MB a second.')
param partitions int = 4

@minValue(1)
@maxValue(40)
@description('Maximum throughput units of auto-inflate; at most the number of partitions.')
param maximumThroughputUnits int = 4

@allowed([512, 2048, 4096])
@description('Memory of a collecting instance, in MB.')
param collectMemoryMb int = 512

@allowed([2048, 4096])
@description('Memory of an instance that compacts and answers queries, in MB. 512 is too little.')
param lakeMemoryMb int = 2048

@minValue(40)
@maxValue(1000)
@description('Maximum instances of each app.')
param maximumInstances int = 40

@minValue(0)
@description('Collecting instances that are always ready. They cost while idle, and spare cold starts.')
param alwaysReadyCollectors int = 0

@minValue(0)
@description('How many right-most addresses of X-Forwarded-For are those of our own proxies: 1, or 2 behind Front Door.')
param trustedProxyHops int = 1

@minValue(30)
@maxValue(730)
@description('Days that logs are kept.')
param logDays int = 30

@minValue(1)
@description('Gigabytes of logs a day, at most.')
param logGbPerDay int = 1

@allowed([0, 1, 6, 12])
@description('Hours without any event after which an alert is raised; 0 for never.')
param quietHours int = 0

@secure()
@minLength(15)
@description('Keys the hash that makes visitor ids. Random at first, then the stored one.')
param visitorIdKey string

@secure()
@minLength(15)
@description('Keys of pseudonyms, newest first, such as 2:secret,1:secret. Random at first, then the stored ones.')
param pseudonymKeys string

var prefixes = loadJsonContent('abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var listed = [for origin in split(allowedOrigins, ','): trim(origin)]
var origins = empty(allowedOrigins) ? [] : listed
var names = {
  collect: '${prefixes.functionApp}collect-${token}'
  lake: '${prefixes.functionApp}lake-${token}'
  lakeAccount: '${prefixes.storageAccount}lake${token}'
  hostAccount: '${prefixes.storageAccount}host${token}'
  namespace: '${prefixes.eventHubsNamespace}${token}'
  vault: '${prefixes.keyVault}${token}'
}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: '${prefixes.resourceGroup}${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    location: location
    tags: tags
    prefix: '${prefixes.managedIdentity}${token}-'
    capturing: eventHubsEnabled
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: '${prefixes.logAnalyticsWorkspace}${token}'
    componentName: '${prefixes.applicationInsights}${token}'
    logDays: logDays
    logGbPerDay: logGbPerDay
  }
}

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.hostAccount
    workspaceId: monitoring.outputs.workspaceId
    private: vnetEnabled
  }
}

module lake 'modules/lake.bicep' = {
  name: 'lake'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.lakeAccount
    hierarchicalNamespace: hierarchicalNamespace
    workspaceId: monitoring.outputs.workspaceId
    private: vnetEnabled
    operatorAddress: operatorAddress
    lockEnabled: lockEnabled
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.vault
    visitorIdKey: visitorIdKey
    pseudonymKeys: pseudonymKeys
    workspaceId: monitoring.outputs.workspaceId
    private: vnetEnabled
    operatorAddress: operatorAddress
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    hostAccount: hostStorage.outputs.name
    lakeAccount: lake.outputs.name
    vault: vault.outputs.name
    component: monitoring.outputs.componentName
    collectPrincipalId: identity.outputs.collectPrincipalId
    lakePrincipalId: identity.outputs.lakePrincipalId
    capturePrincipalId: identity.outputs.capturePrincipalId
    capturing: eventHubsEnabled
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
  }
}

// After the roles: Azure refuses a captured hub unless Capture and the deployer may write to its container.
module eventHubs 'modules/event-hubs.bicep' = if (eventHubsEnabled) {
  name: 'event-hubs'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.namespace
    partitions: partitions
    maximumThroughputUnits: maximumThroughputUnits
    captureSeconds: captureSeconds
    captureIdentityId: identity.outputs.captureId
    captureAccountId: lake.outputs.id
    captureContainer: lake.outputs.captureContainer
    collectPrincipalId: identity.outputs.collectPrincipalId
    lakePrincipalId: identity.outputs.lakePrincipalId
    audienceHub: audienceHub
    workspaceId: monitoring.outputs.workspaceId
    private: vnetEnabled
  }
  dependsOn: [roles]
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    name: '${prefixes.virtualNetwork}${token}'
    endpointPrefix: '${prefixes.privateEndpoint}${token}-'
    hostAccountId: hostStorage.outputs.id
    lakeAccountId: lake.outputs.id
    namespaceId: eventHubsEnabled ? eventHubs.outputs.namespaceId : ''
    hubs: eventHubsEnabled
    vaultId: vault.outputs.id
    workspaceId: monitoring.outputs.workspaceId
  }
}

// The apps refuse a part of these settings. Without any of them, all events go to the spill.
var hubSettings = eventHubsEnabled ? {
  EventHubConnection__fullyQualifiedNamespace: eventHubs.outputs.fullyQualifiedNamespace
  EventHubConnection__credential: 'managedidentity'
} : {}

// Settings CONNECTION_* of the lake's app: what jobs reach beside the lake. docs/deploying.md describes the file.
var connections = loadJsonContent('connections.json')

// Settings that both apps have.
var shared = union(hubSettings, {
  Lake__accountName: lake.outputs.name
  VISITOR_ID_KEY: vault.outputs.visitorIdKeyReference
  PSEUDONYM_KEYS: vault.outputs.pseudonymKeysReference
  TRUSTED_PROXY_HOPS: string(trustedProxyHops)
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  // Arrow's own allocator keeps what was freed: 50 MB of the peak of an export.
  ARROW_DEFAULT_MEMORY_POOL: 'system'
})

module collectApp 'modules/function.bicep' = {
  name: 'collect'
  scope: group
  params: {
    location: location
    tags: union(tags, { 'azd-service-name': 'collect' })
    name: names.collect
    planName: '${prefixes.hostingPlan}collect-${token}'
    identityId: identity.outputs.collectId
    identityClientId: identity.outputs.collectClientId
    hostAccount: hostStorage.outputs.name
    deploymentContainerUrl: '${hostStorage.outputs.blobEndpoint}${hostStorage.outputs.collectContainer}'
    memoryMb: collectMemoryMb
    maximumInstances: maximumInstances
    alwaysReady: alwaysReadyCollectors
    requestsAtOnce: collectMemoryMb == 512 ? 16 : 32
    allowedOrigins: origins
    subnetId: vnetEnabled ? network.outputs.collectSubnetId : ''
    workspaceId: monitoring.outputs.workspaceId
    hubs: eventHubsEnabled
    settings: union(shared, { ROLE: 'collect', ALLOWED_ORIGINS: join(origins, ',') })
  }
  dependsOn: [roles]
}

module lakeApp 'modules/function.bicep' = {
  name: 'lake-app'
  scope: group
  params: {
    location: location
    tags: union(tags, { 'azd-service-name': 'lake' })
    name: names.lake
    planName: '${prefixes.hostingPlan}lake-${token}'
    identityId: identity.outputs.lakeId
    identityClientId: identity.outputs.lakeClientId
    hostAccount: hostStorage.outputs.name
    deploymentContainerUrl: '${hostStorage.outputs.blobEndpoint}${hostStorage.outputs.lakeContainer}'
    memoryMb: lakeMemoryMb
    maximumInstances: maximumInstances
    alwaysReady: 0
    requestsAtOnce: 16
    allowedOrigins: []
    subnetId: vnetEnabled ? network.outputs.lakeSubnetId : ''
    workspaceId: monitoring.outputs.workspaceId
    hubs: eventHubsEnabled
    settings: union(shared, {
      ROLE: 'lake'
      COMPACT_MAX_BYTES: '268435456'
      QUERY_MEMORY_MB: lakeMemoryMb == 2048 ? '384' : '1024'
      QUERY_FILES_MB: '256'
      QUERY_SPILL_MB: '128'
    }, connections)
  }
  dependsOn: [roles]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    actionGroupName: '${prefixes.actionGroup}${token}'
    email: alertEmail
    componentId: monitoring.outputs.componentId
    namespaceId: eventHubsEnabled ? eventHubs.outputs.namespaceId : ''
    hubs: eventHubsEnabled
    collectSiteId: collectApp.outputs.id
    lakeSiteId: lakeApp.outputs.id
    readyUrl: '${collectApp.outputs.url}/health/ready'
    quietHours: quietHours
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    name: guid(group.id, prefixes.workbook, 'operator')
    componentId: monitoring.outputs.componentId
  }
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0) {
  name: 'budget'
  scope: group
  params: {
    name: '${prefixes.budget}${token}'
    amount: monthlyBudget
    start: budgetStart
    email: alertEmail
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output SERVICE_COLLECT_NAME string = collectApp.outputs.name
output SERVICE_COLLECT_URL string = collectApp.outputs.url
output SERVICE_LAKE_NAME string = lakeApp.outputs.name
output SERVICE_LAKE_URL string = lakeApp.outputs.url
output LAKE_CLIENT_ID string = identity.outputs.lakeClientId
output LAKE_PRINCIPAL_ID string = identity.outputs.lakePrincipalId
output LAKE_ACCOUNT_NAME string = lake.outputs.name
output LAKE_BLOB_ENDPOINT string = lake.outputs.blobEndpoint
output CONFIG_CONTAINER string = lake.outputs.configContainer
output EVENT_HUBS_NAMESPACE string = eventHubsEnabled ? eventHubs.outputs.fullyQualifiedNamespace : ''
