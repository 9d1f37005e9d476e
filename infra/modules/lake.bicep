// The lake's account, without soft delete: a soft-deleted blob could restore an erased person, or the salts that link
// visitors of past days. Tables are restored from captured files, from their older versions and from the hub
// (docs/operating.md).
param location string
param tags object
param name string
param hierarchicalNamespace bool
param workspaceId string
param private bool
param operatorAddress string
param lockEnabled bool

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    isHnsEnabled: hierarchicalNamespace
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Not `Disabled` in a private network: Capture connects as a trusted service, and the operator from the address below.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: private ? 'AzureServices' : 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: private && !empty(operatorAddress) ? [{ action: 'Allow', value: operatorAddress }] : []
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: false
    deleteRetentionPolicy: { enabled: false }
    // Erasures delete blobs. A deleted container is a mistake, so it can be restored.
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource capture 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: 'capture'
  properties: { publicAccess: 'None' }
}

resource config 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: 'config'
  properties: { publicAccess: 'None' }
}

resource otherContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [for container in ['spill', 'salts', 'lake']: {
  parent: blobs
  name: container
  properties: { publicAccess: 'None' }
}]

// Deletes files that `maintain` failed to delete. No rule applies to spill, salts or tables.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'captured-files'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['capture/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 30 } } }
          }
        }
        {
          name: 'quarantined-files'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['lake/quarantine/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 90 } } }
          }
        }
      ]
    }
  }
  dependsOn: [blobs]
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (lockEnabled) {
  name: 'keep'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the tables. Take the lock off before `azd down`.'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    // Deletions only: logs of all reads and writes would cost more than the storage.
    logs: [{ category: 'StorageDelete', enabled: true }]
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output captureContainer string = capture.name
output configContainer string = config.name
