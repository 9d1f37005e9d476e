// The namespace and its hubs. Capture writes those of events to the lake with its own identity.
param location string
param tags object
param name string
param partitions int
param maximumThroughputUnits int
param captureSeconds int
param captureIdentityId string
param captureAccountId string
param captureContainer string
param collectPrincipalId string
param lakePrincipalId string
// Empty for none.
param audienceHub string
param workspaceId string
param private bool

var roles = loadJsonContent('../roles.json')
var hubs = [
  { name: 'events', partitions: partitions }
  { name: 'failed-events', partitions: 1 }
]
// The lake's app sends replayed events, and compaction reads the last sequence numbers of the hubs.
var onHubs = [
  { hub: 0, principal: collectPrincipalId }
  { hub: 1, principal: collectPrincipalId }
  { hub: 0, principal: lakePrincipalId }
  { hub: 1, principal: lakePrincipalId }
]

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard', capacity: 1 }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${captureIdentityId}': {} }
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    isAutoInflateEnabled: maximumThroughputUnits > 1
    maximumThroughputUnits: maximumThroughputUnits > 1 ? maximumThroughputUnits : 0
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
  }
}

resource eventHubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = [for hub in hubs: {
  parent: namespace
  name: hub.name
  properties: {
    partitionCount: hub.partitions
    retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 }
    captureDescription: {
      enabled: true
      encoding: 'Avro'
      intervalInSeconds: captureSeconds
      sizeLimitInBytes: 314572800
      skipEmptyArchives: true
      destination: {
        name: 'EventHubArchive.AzureBlockBlob'
        identity: { type: 'UserAssigned', userAssignedIdentity: captureIdentityId }
        properties: {
          storageAccountResourceId: captureAccountId
          blobContainer: captureContainer
          // The default, which `compact` reads (clickstream/capture/names.py).
          archiveNameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
        }
      }
    }
  }
}]

resource senders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for grant in onHubs: {
  name: guid(namespace.id, hubs[grant.hub].name, grant.principal, 'Azure Event Hubs Data Sender')
  scope: eventHubs[grant.hub]
  properties: {
    principalId: grant.principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Sender'])
  }
}]

// No Capture: erasure does not reach captured copies of messages about people.
resource audiences 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = if (!empty(audienceHub)) {
  parent: namespace
  name: empty(audienceHub) ? 'none' : audienceHub
  properties: {
    partitionCount: partitions
    retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 }
  }
}

resource audienceSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(audienceHub)) {
  name: guid(namespace.id, audienceHub, lakePrincipalId, 'Azure Event Hubs Data Sender')
  scope: audiences
  properties: {
    principalId: lakePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Sender'])
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

output namespaceId string = namespace.id
output fullyQualifiedNamespace string = '${namespace.name}.servicebus.windows.net'
