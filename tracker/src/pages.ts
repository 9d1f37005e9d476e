// Page views: of the page that was loaded, of every route it changes to, and of a page that comes back.
import { ping, restart } from "./engagement";
import { emit, type Properties, tell } from "./event";
import { begin, guard, listen, now } from "./guard";
import { address, place, referrer, url } from "./place";
import { isOff } from "./settings";

export function page(properties?: Properties): void {
  enter();
  emit("page_view", properties);
}

export function startPages(): void {
  if (!isOff("routes")) {
    for (const name of ["pushState", "replaceState"] as const) {
      const original = history[name];
      history[name] = (...given) => {
        begin();
        original.apply(history, given);
        changed();
      };
    }
    listen("popstate", changed);
  }
}

/** The page that was loaded. */
export function land(): void {
  place(address(), document.referrer);
  restart();
}

/** The page view of a loaded page, and whether it is one that the server did not find. */
export function viewLoaded(): void {
  tell("page_view");
  // The first entry is how the page was loaded.
  if ((performance.getEntries()[0] as PerformanceNavigationTiming).responseStatus == 404) tell("not_found");
}

/** Whether it is another page than before. */
function enter(): boolean {
  const next = address();
  // Before the landing page there is none to leave.
  if (!url || next == url) return false;
  ping();
  place(next, url);
  restart();
  return true;
}

const changed = guard(() => {
  if (!enter()) return;
  const stated = { created_at: now(), page_url: url, referrer };
  // Routers set the title after the address.
  setTimeout(guard(() => tell("page_view", {}, stated)));
});
