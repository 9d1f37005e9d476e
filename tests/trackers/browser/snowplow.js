// @snowplow/browser-tracker: every kind of event by POST and GET, and without any trace of the visitor.
import {
  disableActivityTracking,
  enableActivityTracking,
  flushBuffer,
  newTracker,
  setUserId,
  trackPageView,
  trackSelfDescribingEvent,
  trackStructEvent,
} from "@snowplow/browser-tracker";

const PRODUCT = { schema: "iglu:com.acme/product/jsonschema/1-0-2", data: { sku: "A1", price: 9.5, note: "ü ✓ ?&=" } };

// A tracker that counts what was tracked and what was answered.
function start(baseUrl, configuration) {
  const tracked = [];
  let answered = 0;
  newTracker("web", baseUrl, {
    appId: "demo",
    contexts: { webPage: true, session: true },
    // Written later, cookies of a session may be late for its next event where a machine is slow.
    synchronousCookieWrite: true,
    onRequestSuccess: (batch) => (answered += batch.length),
    plugins: [{ afterTrack: ({ e, eid, duid, sid }) => tracked.push({ kind: e, id: eid, duid, sid }) }],
    ...configuration,
  });
  setUserId("ada");
  return {
    async until(condition) {
      while (!condition(tracked)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async finish() {
      flushBuffer();
      await this.until(() => answered === tracked.length);
      return tracked;
    },
  };
}

function trackAll() {
  trackPageView({ title: "Shoes: ü", context: [PRODUCT] });
  trackStructEvent({ category: "cart", action: "add", label: "A1", property: "blue", value: 9.5 });
  trackSelfDescribingEvent({
    event: {
      schema: "iglu:com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1",
      data: { targetUrl: "https://elsewhere.example/", elementId: "out" },
    },
    context: [PRODUCT],
  });
}

window.post = async (baseUrl) => {
  const tracker = start(baseUrl, { eventMethod: "post", bufferSize: 3 });
  enableActivityTracking({ minimumVisitLength: 1, heartbeatDelay: 1 });
  trackAll();
  const moving = setInterval(() => document.dispatchEvent(new MouseEvent("mousemove")), 100);
  await tracker.until((tracked) => tracked.some(({ kind }) => kind === "pp"));
  disableActivityTracking();
  clearInterval(moving);
  return tracker.finish();
};

window.get = async (baseUrl) => {
  const tracker = start(baseUrl, { eventMethod: "get", encodeBase64: true });
  trackAll();
  return tracker.finish();
};

window.ownPath = async (baseUrl) => {
  const tracker = start(baseUrl, { eventMethod: "post", postPath: "/com.acme/counts" });
  trackPageView();
  return tracker.finish();
};

window.anonymous = async (baseUrl) => {
  const anonymousTracking = { withServerAnonymisation: true };
  const tracker = start(baseUrl, { eventMethod: "post", anonymousTracking });
  trackPageView({ context: [PRODUCT] });
  return tracker.finish();
};
