// @jitsu/js outside of a page. It insists on a key with a colon.
import { jitsuAnalytics } from "@jitsu/js";

const failures = [];
const analytics = jitsuAnalytics({
  host: process.env.BASE_URL,
  writeKey: `${process.env.WRITE_KEY}:secret`,
  errorPolicy: (message) => failures.push(message),
});
await analytics.identify("jitsu-node", { plan: "pro" });
await analytics.track("Order Done", { total: 9.5, note: "ü ✓" });
await analytics.page("Home", { url: "https://shop.example/docs?utm_source=news", title: "Docs" });
await analytics.group("acme", { seats: 3 });
console.log(JSON.stringify({ failures }));
