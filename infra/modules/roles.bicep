// All role assignments except those on the hubs, which event-hubs.bicep makes after these.
// The collecting app reads no row: it has no role on the containers `lake` and `capture`.
param hostAccount string
param lakeAccount string
param vault string
param component string
param collectPrincipalId string
param lakePrincipalId string
param capturePrincipalId string
param capturing bool
param deployerPrincipalId string
param deployerPrincipalType string

var roles = loadJsonContent('../roles.json')

var ofCapture = { container: 'capture', role: 'Storage Blob Data Contributor', principal: capturePrincipalId }
var onContainers = concat(capturing ? [ofCapture] : [], [
  { container: 'config', role: 'Storage Blob Data Reader', principal: collectPrincipalId }
  { container: 'spill', role: 'Storage Blob Data Contributor', principal: collectPrincipalId }
  { container: 'salts', role: 'Storage Blob Data Contributor', principal: collectPrincipalId }
  { container: 'config', role: 'Storage Blob Data Reader', principal: lakePrincipalId }
  { container: 'capture', role: 'Storage Blob Data Contributor', principal: lakePrincipalId }
  { container: 'spill', role: 'Storage Blob Data Contributor', principal: lakePrincipalId }
  { container: 'salts', role: 'Storage Blob Data Contributor', principal: lakePrincipalId }
  { container: 'lake', role: 'Storage Blob Data Contributor', principal: lakePrincipalId }
])
var ofApps = [collectPrincipalId, lakePrincipalId]

resource host 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: hostAccount
}

resource lake 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: lakeAccount
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = [for grant in onContainers: {
  name: '${lakeAccount}/default/${grant.container}'
}]

resource secrets 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vault
}

resource telemetry 'Microsoft.Insights/components@2020-02-02' existing = {
  name: component
}

resource containerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (grant, i) in onContainers: {
  name: guid(lake.id, grant.container, grant.principal, grant.role)
  scope: containers[i]
  properties: {
    principalId: grant.principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[grant.role])
  }
}]

// The host's leases need the owner's role.
resource hostRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in ofApps: {
  name: guid(host.id, principal, 'Storage Blob Data Owner')
  scope: host
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Owner'])
  }
}]

resource vaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in ofApps: {
  name: guid(secrets.id, principal, 'Key Vault Secrets User')
  scope: secrets
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
  }
}]

resource telemetryRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in ofApps: {
  name: guid(telemetry.id, principal, 'Monitoring Metrics Publisher')
  scope: telemetry
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
  }
}]

// Azure requires this role to create a captured hub. Hooks and commands use it to write site documents.
resource deployerLake 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  name: guid(lake.id, deployerPrincipalId, 'Storage Blob Data Contributor')
  scope: lake
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
  }
}

// azd reads the secrets with it, so that the next deployment keeps them.
resource deployerVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  name: guid(secrets.id, deployerPrincipalId, 'Key Vault Secrets Officer')
  scope: secrets
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets Officer'])
  }
}
