// @segment/analytics-node: every call, in batches.
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: process.env.WRITE_KEY, host: process.env.BASE_URL });
const failures = [];
analytics.on("error", (error) => failures.push(String(error)));
const who = { userId: "segment-node", anonymousId: "device-of-segment-node" };
const context = {
  ip: "203.0.113.9",
  userAgent: "Mozilla/5.0 (of somebody else)",
  locale: "de-DE",
  timezone: "Europe/Berlin",
  page: { url: "https://shop.example/cart?utm_source=news", title: "Cart", referrer: "https://search.example/" },
};
analytics.track({ ...who, event: "Order Done", properties: { total: 9.5, note: "ü ✓" }, context });
analytics.identify({ ...who, traits: { plan: "pro" } });
analytics.page({ ...who, category: "Docs", name: "Home", properties: { url: "https://shop.example/docs", title: "Docs" } });
analytics.screen({ anonymousId: who.anonymousId, name: "Main" });
analytics.group({ ...who, groupId: "acme", traits: { seats: 3 } });
analytics.alias({ userId: who.userId, previousId: "segment-node-before" });
await analytics.closeAndFlush();
console.log(JSON.stringify({ failures }));
