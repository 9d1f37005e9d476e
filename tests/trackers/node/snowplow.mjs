// @snowplow/node-tracker: every kind of event, by the method that METHOD names.
import {
  buildEcommerceTransaction,
  buildEcommerceTransactionItem,
  buildPagePing,
  buildPageView,
  buildScreenView,
  buildSelfDescribingEvent,
  buildStructEvent,
  newTracker,
} from "@snowplow/node-tracker";

const { BASE_URL, WRITE_KEY, METHOD } = process.env;
const { hostname, port } = new URL(BASE_URL);
const failures = [];
const tracker = newTracker(
  { namespace: "backend", appId: WRITE_KEY, encodeBase64: METHOD === "get" },
  {
    endpoint: hostname,
    port: Number(port),
    protocol: "http",
    eventMethod: METHOD,
    bufferSize: METHOD === "get" ? 1 : 10,
    onRequestFailure: (failure) => failures.push(failure.status ?? failure.message),
  },
);
tracker.setUserId("ada");
tracker.setDomainUserId("0b5f3a3c-7f0a-4d27-9c9f-8f5a3c1d2e4b");
tracker.setNetworkUserId("9d4e6f70-1a2b-4c3d-8e5f-60718293a4b5");
tracker.setSessionId("session-of-node");
tracker.setSessionIndex(7);
tracker.setScreenResolution(1920, 1080);
tracker.setViewport(1280, 720);
tracker.setColorDepth(24);
tracker.setTimezone("Europe/Zurich");
tracker.setLang("de-CH");
tracker.setIpAddress("203.0.113.77");
tracker.setUseragent("Mozilla/5.0 (of the visitor)");

const product = { schema: "iglu:com.acme/product/jsonschema/1-0-2", data: { sku: "A1", price: 9.5, note: "ü ✓ ?&=" } };
const told = {};
const track = (name, event, context, timestamp) => {
  told[name] = tracker.track(event, context, timestamp).eid;
};
const pageUrl = "https://shop.example/a?utm_source=news&q=ü";
track("page_view", buildPageView({ pageUrl, pageTitle: "A: ü", referrer: "https://search.example/" }), [product]);
track("page_ping", buildPagePing({ pageUrl, minXOffset: 0, maxXOffset: 10, minYOffset: 20, maxYOffset: 3000 }));
track("struct", buildStructEvent({ category: "cart", action: "add", label: "A1", property: "blue", value: 9.5 }));
track(
  "order_placed",
  buildSelfDescribingEvent({
    event: { schema: "iglu:com.acme/order_placed/jsonschema/2-1-0", data: { total: 19.9, items: [{ sku: "A1" }] } },
  }),
  [product],
  { type: "ttm", value: Date.now() - 60_000 },
);
track("screen", buildScreenView({ name: "Home", id: "s1" }));
track("transaction", buildEcommerceTransaction({ orderId: "o1", total: 19.9, tax: 1, shipping: 2, country: "CH", currency: "CHF" }));
track("transaction_item", buildEcommerceTransactionItem({ orderId: "o1", sku: "A1", name: "Shoe", price: 9.5, quantity: 2 }));
await tracker.flush();
console.log(JSON.stringify({ ids: told, failures }));
