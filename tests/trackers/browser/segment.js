// @segment/analytics-next in a page.
import { AnalyticsBrowser } from "@segment/analytics-next";

const host = (baseUrl) => new URL(baseUrl).host;

// Requests to the collector that have been answered, refusals and beacons included.
async function answered(path, count) {
  const ended = () => performance.getEntriesByType("resource").filter((entry) => entry.name.includes(path)).length;
  while (ended() < count) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function everyCall(analytics, user) {
  await analytics.page("Docs", "Home", { color: "blue" });
  await analytics.alias(user, `${user}-before`);
  await analytics.identify(user, { plan: "pro" });
  await analytics.track("Order Done", { total: 9.5, note: "ü ✓" });
  await analytics.group("acme", { seats: 3 });
  await analytics.screen("Main");
  return { user, device: (await analytics.user()).anonymousId() };
}

// All that the client knows of the collector are its settings.
window.settings = (baseUrl) =>
  everyCall(AnalyticsBrowser.load({ writeKey: "demo", cdnURL: baseUrl }), "segment-settings");

// Nothing is fetched; the client counts its own calls and sends the counts, too.
window.batching = async (baseUrl) => {
  const analytics = AnalyticsBrowser.load(
    { writeKey: "demo", cdnSettings: { integrations: { "Segment.io": { apiKey: "demo" } }, metrics: { flushTimer: 200 } } },
    {
      integrations: {
        "Segment.io": {
          apiHost: `${host(baseUrl)}/v1`,
          protocol: "http",
          deliveryStrategy: { strategy: "batching", config: { size: 3, timeout: 100 } },
        },
      },
    },
  );
  const told = await everyCall(analytics, "segment-batching");
  await answered("/v1/b", 2);
  await answered("/v1/m", 1);
  return told;
};

window.retrying = async (baseUrl) => {
  const analytics = AnalyticsBrowser.load(
    { writeKey: "demo", cdnSettings: { integrations: { "Segment.io": { apiKey: "demo" } }, metrics: { sampleRate: 0 } } },
    { integrations: { "Segment.io": { apiHost: `${host(baseUrl)}/v1`, protocol: "http" } } },
  );
  await analytics.track("Sent Again");
  await answered("/v1/t", 2);
};
