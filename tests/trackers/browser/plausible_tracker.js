// plausible-tracker, the older client.
import Plausible from "plausible-tracker";

window.run = async (baseUrl) => {
  const { trackEvent, trackPageview } = Plausible({ domain: "demo", apiHost: baseUrl, trackLocalhost: true });
  await new Promise((callback) => trackPageview({}, { callback }));
  await new Promise((callback) => trackEvent("Signup", { callback, props: { plan: "pro" } }));
  return [];
};
