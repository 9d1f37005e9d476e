// The two secrets of the apps. azd generates them at the first deployment, and reads them from the vault afterwards.
param location string
param tags object
param name string

@secure()
param visitorIdKey string

@secure()
param pseudonymKeys string

param workspaceId string
param private bool
param operatorAddress string

// azd generates 15 characters, and the apps require 16. A stored secret is longer, and is not changed.
var longVisitorIdKey = length(visitorIdKey) < 16 ? '${visitorIdKey}${uniqueString(visitorIdKey, 'visitor')}' : visitorIdKey
var longPseudonymKeys = contains(pseudonymKeys, ':') ? pseudonymKeys : '1:${pseudonymKeys}${uniqueString(pseudonymKeys, 'pseudonym')}'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: private ? 'AzureServices' : 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: private && !empty(operatorAddress) ? [{ value: operatorAddress }] : []
    }
  }
}

resource visitorIdSecret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'visitor-id-key'
  properties: { value: longVisitorIdKey, contentType: 'text/plain' }
}

resource pseudonymSecret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'pseudonym-keys'
  properties: { value: longPseudonymKeys, contentType: 'text/plain' }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output visitorIdKeyReference string = '@Microsoft.KeyVault(VaultName=${vault.name};SecretName=${visitorIdSecret.name})'
output pseudonymKeysReference string = '@Microsoft.KeyVault(VaultName=${vault.name};SecretName=${pseudonymSecret.name})'
