// @jitsu/js in a page.
import { jitsuAnalytics } from "@jitsu/js";

window.run = async (baseUrl) => {
  const failures = [];
  const analytics = jitsuAnalytics({
    host: baseUrl,
    writeKey: "demo:secret",
    privacy: { ipPolicy: "stripLastOctet" },
    errorPolicy: (message) => failures.push(message),
  });
  await analytics.page("Home", { color: "blue" });
  await analytics.identify("jitsu-page", { plan: "pro" });
  await analytics.track("Order Done", { total: 9.5, note: "ü ✓" });
  await analytics.group("acme", { seats: 3 });
  return { user: "jitsu-page", device: analytics.user().anonymousId, failures };
};

// The client sends no id of anybody.
window.nobody = async (baseUrl) => {
  const failures = [];
  const analytics = jitsuAnalytics({
    host: baseUrl,
    writeKey: "demo:secret",
    privacy: { disableUserIds: true },
    errorPolicy: (message) => failures.push(message),
  });
  await analytics.track("Seen By Nobody");
  return { failures };
};
