// Page views: of the page that was loaded, of every route it changes to, and of a page that comes back.
import { ping, restart } from "./engagement";
import { emit, type Properties, tell } from "./event";
import { guard, listen } from "./guard";
import { address, place, referrer, url } from "./place";
import { isOff } from "./settings";

export function page(properties?: Properties): void {
  enter();
  emit("page_view", properties);
}

export function startPages(): void {
  place(address(), document.referrer);
  restart();
  if (!isOff("routes")) {
    for (const name of ["pushState", "replaceState"] as const) {
      const original = history[name];
      history[name] = (...given) => {
        original.apply(history, given);
        changed();
      };
    }
    listen("popstate", changed);
  }
}

/** The page view of a loaded page, and whether it is one that the server did not find. */
export function viewLoaded(): void {
  tell("page_view");
  const [loading] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (loading.responseStatus == 404) tell("not_found");
}

/** Whether it is another page than before. */
function enter(): boolean {
  const next = address();
  if (next == url) return false;
  ping();
  place(next, url);
  restart();
  return true;
}

const changed = guard(() => {
  if (!enter()) return;
  const stated = { created_at: Date.now(), page_url: url, referrer };
  // Routers set the title after the address.
  setTimeout(guard(() => tell("page_view", {}, stated)));
});
