// @plausible-analytics/tracker: pages, an event with revenue, and what is sent when the page is left.
import { init, track } from "@plausible-analytics/tracker";

const tracked = (name, options) => new Promise((callback) => track(name, { ...options, callback }));

window.run = async (baseUrl) => {
  init({
    domain: "demo",
    endpoint: `${baseUrl}/api/event`,
    captureOnLocalhost: true,
    autoCapturePageviews: false,
    customProperties: { theme: "dark" },
  });
  return [
    await tracked("pageview"),
    await tracked("Purchase", { props: { note: "ü ✓ ?&=" }, revenue: { currency: "EUR", amount: 9.5 }, interactive: false }),
  ];
};
