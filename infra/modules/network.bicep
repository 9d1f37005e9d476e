// The private network: a subnet for each app, and one for the private endpoints of storage, vault and Event Hubs.
param location string
param tags object
param name string
param endpointPrefix string
param hostAccountId string
param lakeAccountId string
param namespaceId string
param hubs bool
param vaultId string
param workspaceId string

var zones = concat([
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.dfs.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
], hubs ? ['privatelink.servicebus.windows.net'] : [])
var endpoints = concat([
  { name: 'host-blob', target: hostAccountId, group: 'blob', zone: 0 }
  { name: 'lake-blob', target: lakeAccountId, group: 'blob', zone: 0 }
  { name: 'lake-dfs', target: lakeAccountId, group: 'dfs', zone: 1 }
  { name: 'vault', target: vaultId, group: 'vault', zone: 2 }
], hubs ? [{ name: 'hubs', target: namespaceId, group: 'namespace', zone: 3 }] : [])

resource network 'Microsoft.Network/virtualNetworks@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] }
    subnets: [
      {
        name: 'collect'
        properties: {
          addressPrefix: '10.0.0.0/24'
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'lake'
        properties: {
          addressPrefix: '10.0.1.0/24'
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: '10.0.2.0/24', privateEndpointNetworkPolicies: 'Disabled' }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zones: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zones: {
  parent: dnsZones[i]
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: network.id }
  }
}]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-07-01' = [for end in endpoints: {
  name: '${endpointPrefix}${end.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: '${network.id}/subnets/endpoints' }
    privateLinkServiceConnections: [
      {
        name: end.name
        properties: { privateLinkServiceId: end.target, groupIds: [end.group] }
      }
    ]
  }
}]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = [for (end, i) in endpoints: {
  parent: privateEndpoints[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [{ name: 'zone', properties: { privateDnsZoneId: dnsZones[end.zone].id } }]
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'metrics'
  scope: network
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output collectSubnetId string = '${network.id}/subnets/collect'
output lakeSubnetId string = '${network.id}/subnets/lake'
