// The identities of the two apps and, with hubs, of Capture.
param location string
param tags object
param prefix string
param capturing bool

resource collect 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}collect'
  location: location
  tags: tags
}

resource lake 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}lake'
  location: location
  tags: tags
}

resource capture 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (capturing) {
  name: '${prefix}capture'
  location: location
  tags: tags
}

output collectId string = collect.id
output collectClientId string = collect.properties.clientId
output collectPrincipalId string = collect.properties.principalId
output lakeId string = lake.id
output lakeClientId string = lake.properties.clientId
output lakePrincipalId string = lake.properties.principalId
output captureId string = capturing ? capture.id : ''
output capturePrincipalId string = capturing ? capture.properties.principalId : ''
