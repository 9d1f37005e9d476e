// The operator's workbook, in Application Insights.
param location string
param tags object
param name string
param componentId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Clickstream'
    category: 'workbook'
    sourceId: componentId
    version: 'Notebook/1.0'
    serializedData: loadTextContent('../workbook.json')
  }
}
