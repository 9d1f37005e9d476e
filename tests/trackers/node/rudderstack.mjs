// @rudderstack/rudder-sdk-node: every call, in batches, packed unless GZIP says no.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics(process.env.WRITE_KEY, {
  dataPlaneUrl: process.env.BASE_URL,
  gzip: process.env.GZIP !== "no",
});
const who = { userId: "rudderstack-node", anonymousId: "device-of-rudderstack-node" };
const calls = [
  ["track", { ...who, event: "Order Done", properties: { total: 9.5, note: "ü ✓" } }],
  ["identify", { ...who, traits: { plan: "pro" } }],
  ["page", { ...who, category: "Docs", name: "Home", properties: { url: "https://shop.example/docs", title: "Docs" } }],
  ["screen", { ...who, name: "Main" }],
  ["group", { ...who, groupId: "acme", traits: { seats: 3 } }],
  ["alias", { userId: who.userId, previousId: "rudderstack-node-before" }],
];
const failures = [];
const done = calls.map(
  ([call, message]) =>
    new Promise((resolve) => analytics[call](message, (error) => resolve(error && failures.push(String(error))))),
);
analytics.flush();
await Promise.all(done);
console.log(JSON.stringify({ failures }));
process.exit(0);
