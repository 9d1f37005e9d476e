// The rules of alerts.json, and the addresses that they notify. docs/operating.md has a section for each rule.
param location string
param tags object
param actionGroupName string
param email string
param componentId string
param namespaceId string
param hubs bool
param collectSiteId string
param lakeSiteId string
param readyUrl string
param quietHours int

var rules = loadJsonContent('../alerts.json')
// Without hubs all events go to the spill, and there is no namespace to watch.
var queries = concat(rules.queries, hubs ? rules.hubs.queries : [])
var metrics = concat(rules.metrics, hubs ? rules.hubs.metrics : [])
var scopes = {
  collect: collectSiteId
  lake: lakeSiteId
  hubs: namespaceId
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'clickstream'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in queries: {
  name: 'clickstream-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'clickstream: ${rule.name}'
    description: rule.says
    severity: rule.severity
    enabled: true
    scopes: [componentId]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metrics: {
  name: 'clickstream-${rule.name}'
  location: 'global'
  tags: tags
  properties: {
    description: rule.says
    severity: rule.severity
    enabled: true
    scopes: [scopes[rule.on]]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: rule.name
          criterionType: 'StaticThresholdCriterion'
          metricName: rule.metric
          timeAggregation: rule.aggregation
          operator: rule.operator
          threshold: rule.threshold
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]

// Off by default, since a small site has hours without a visitor. It counts incoming messages of the hubs.
resource quiet 'Microsoft.Insights/metricAlerts@2018-03-01' = if (hubs && quietHours > 0) {
  name: 'clickstream-quiet'
  location: 'global'
  tags: tags
  properties: {
    description: 'No event has come for ${quietHours} hours.'
    severity: 2
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT${quietHours}H'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'quiet'
          criterionType: 'StaticThresholdCriterion'
          metricName: 'IncomingMessages'
          timeAggregation: 'Total'
          operator: 'LessThanOrEqual'
          threshold: 0
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

// From three places, every five minutes. Each request may start an instance.
resource upTest 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'clickstream-up'
  location: location
  tags: union(tags, { 'hidden-link:${componentId}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'clickstream-up'
    Name: 'clickstream-up'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 60
    RetryEnabled: true
    Locations: [{ Id: 'emea-nl-ams-azr' }, { Id: 'us-va-ash-azr' }, { Id: 'apac-sg-sin-azr' }]
    Request: { RequestUrl: readyUrl, HttpVerb: 'GET' }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}

resource up 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'clickstream-up'
  location: 'global'
  tags: tags
  properties: {
    description: 'Two of three places find that the collector is not ready.'
    severity: 1
    enabled: true
    scopes: [upTest.id, componentId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: upTest.id
      componentId: componentId
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: people.id }]
  }
}
