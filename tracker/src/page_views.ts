// Page views: of loaded pages, of route changes, and of pages restored from the back/forward cache.
import { ping, restart } from "./engagement";
import { emit, emitAutomatic, type Properties } from "./event";
import { begin, guard, listen, now } from "./guard";
import { address, pageFields } from "./page_url";
import { isOff } from "./settings";

export const page = (properties?: Properties): void => {
  enter();
  emit("page_view", properties);
};

export const startPages = (): void => {
  if (isOff("routes")) return;
  (["pushState", "replaceState"] as const).forEach((name) => {
    const original = history[name];
    history[name] = (...args) => {
      begin();
      original.apply(history, args);
      onRouteChange();
    };
  });
  listen("popstate", onRouteChange);
};

/** Take the loaded page as the current one. */
export const land = (): void => {
  turnTo(address(), document.referrer);
};

/** Send the page view of a loaded page, and `not_found` if the server answered 404. */
export const viewLoaded = (): void => {
  emitAutomatic("page_view");
  // The first entry is the navigation.
  if ((performance.getEntries()[0] as PerformanceNavigationTiming).responseStatus == 404) emitAutomatic("not_found");
};

/** Make this page the current one. */
const turnTo = (page_url: string, referrer: string): void => {
  pageFields.page_url = page_url;
  pageFields.referrer = referrer;
  restart();
};

/** Make the address the current page. Return whether it is another than before. */
const enter = (): boolean | undefined => {
  const next = address();
  // Before the landing page there is no page to leave.
  const { page_url } = pageFields;
  if (page_url && next != page_url) {
    ping();
    turnTo(next, page_url);
    return true;
  }
};

const onRouteChange = guard(() => {
  // Routers set the title after the address.
  if (enter()) setTimeout(guard(emitAutomatic), 0, "page_view", {}, { created_at: now(), ...pageFields });
});
