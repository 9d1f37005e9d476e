// posthog-node: every call that sends an event.
import { PostHog } from "posthog-node";

const { BASE_URL, WRITE_KEY } = process.env;
const errors = [];
const posthog = new PostHog(WRITE_KEY, { host: BASE_URL, flushAt: 20, fetchRetryCount: 0 });
posthog.on("error", (error) => errors.push(String(error)));

const uuids = {};
const capture = (name, event) => {
  uuids[name] = crypto.randomUUID();
  posthog.capture({ distinctId: "ada", uuid: uuids[name], ...event });
};
capture("signed up", { event: "signed up", properties: { plan: "pro", note: "ü ✓ ?&=" } });
capture("page_view", {
  event: "$pageview",
  properties: { $current_url: "https://shop.example/a?utm_source=news&q=ü", $referrer: "https://search.example/" },
});
capture("in a group", { event: "in a group", groups: { company: "acme" } });
capture("earlier", { event: "earlier", timestamp: new Date(Date.now() - 60_000) });
posthog.identify({ distinctId: "ada", properties: { name: "Ada" } });
posthog.alias({ distinctId: "ada", alias: "anonymous-of-ada" });
posthog.groupIdentify({ groupType: "company", groupKey: "acme", properties: { size: 3 } });
const flags = await posthog.getAllFlags("ada");
await posthog.shutdown();
console.log(JSON.stringify({ uuids, flags, errors }));
