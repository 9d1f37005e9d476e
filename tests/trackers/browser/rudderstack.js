// @rudderstack/analytics-js in a page. The bundled build: the other one fetches its plugins from its maker's host.
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

async function answered(path, count) {
  const ended = () => performance.getEntriesByType("resource").filter((entry) => entry.name.includes(path)).length;
  while (ended() < count) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function load(baseUrl, options) {
  const analytics = new RudderAnalytics();
  analytics.load("demo", baseUrl, { configUrl: baseUrl, ...options });
  await new Promise((resolve) => analytics.ready(resolve));
  return analytics;
}

function everyCall(analytics, user) {
  analytics.page("Docs", "Home", { color: "blue" });
  analytics.alias(user, `${user}-before`);
  analytics.identify(user, { plan: "pro" });
  analytics.track("Order Done", { total: 9.5, note: "ü ✓" });
  analytics.group("acme", { seats: 3 });
  return { user, device: analytics.getAnonymousId(), session: String(analytics.getSessionId()) };
}

window.single = async (baseUrl) => {
  const told = everyCall(await load(baseUrl, {}), "rudderstack-single");
  await answered("/v1/", 5);
  return told;
};

window.batching = async (baseUrl) => {
  const queueOptions = { batch: { enabled: true, maxItems: 5, flushInterval: 500 } };
  const told = everyCall(await load(baseUrl, { queueOptions }), "rudderstack-batching");
  await answered("/v1/batch", 1);
  return told;
};

window.beacon = async (baseUrl) => {
  const beaconQueueOptions = { flushQueueInterval: 200 };
  const told = everyCall(await load(baseUrl, { useBeacon: true, beaconQueueOptions }), "rudderstack-beacon");
  await answered("/beacon/v1/batch", 1);
  return told;
};

window.retrying = async (baseUrl) => {
  const source = { id: "s", enabled: true, destinations: [], config: {} };
  const analytics = await load(baseUrl, {
    getSourceConfig: () => ({ source }),
    queueOptions: { minRetryDelay: 100 },
  });
  analytics.track("Sent Again");
  await answered("/v1/track", 2);
};
