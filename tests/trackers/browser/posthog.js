// posthog-js with its usual settings: what it captures by itself, and every call of its own.
import posthog from "posthog-js";

const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};
const requested = (part) => performance.getEntriesByType("resource").filter(({ name }) => name.includes(part)).length;
/** Some were answered, and for a second no other. */
const noMore = async (part) => {
  let [count, since] = [0, Date.now()];
  await until(() => {
    if (requested(part) !== count) [count, since] = [requested(part), Date.now()];
    return count > 0 && Date.now() - since > 1000;
  });
};

window.run = async (baseUrl) => {
  const captured = [];
  const loaded = new Promise((resolve) =>
    posthog.init("demo", {
      api_host: baseUrl,
      // It would take a headless browser for a bot.
      opt_out_useragent_filter: true,
      request_queue_config: { flush_interval_ms: 250 },
      loaded: (instance) => resolve(instance),
    }),
  );
  posthog.on("eventCaptured", ({ event, uuid }) => captured.push({ event, uuid }));
  await loaded;
  const anonymousId = posthog.get_distinct_id();
  await until(() => captured.length > 0);
  posthog.capture("signed up", { plan: "pro", note: "ü ✓ ?&=" });
  posthog.identify("ada", { name: "Ada" }, { first_page: "/start" });
  posthog.group("company", "acme", { size: 3 });
  posthog.alias("ada@work");
  posthog.capture("bought", { price: 9.5 });
  // Sent before the page is left, in one request or several; what it captures when it is left comes by beacon.
  await noMore("/e/");
  return { captured, anonymousId, sessionId: posthog.get_session_id(), userId: posthog.get_distinct_id() };
};

window.refused = async (baseUrl) => {
  const captured = [];
  const loaded = new Promise((resolve) =>
    posthog.init("demo", {
      api_host: baseUrl,
      opt_out_useragent_filter: true,
      capture_pageview: false,
      capture_pageleave: false,
      // The first request that is refused is to be the event's.
      advanced_disable_flags: true,
      request_batching: false,
      loaded: (instance) => resolve(instance),
    }),
  );
  posthog.on("eventCaptured", ({ event, uuid }) => captured.push({ event, uuid }));
  await loaded;
  posthog.capture("retried");
  await until(() => requested("/e/") > 1);
  return captured;
};
