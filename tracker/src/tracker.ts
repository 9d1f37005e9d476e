// The functions a page may call, and the order in which the parts begin.
import { startClicks } from "./clicks";
import { choose, type Level, mayKnow, takeBack } from "./consent";
import { adopt, sendOnHide, startDelivery } from "./delivery";
import { ping, startEngagement, watch } from "./engagement";
import { emit, type Properties } from "./event";
import { guard, later, listen } from "./guard";
import { arrive } from "./linking";
import { land, page, startPages, viewLoaded } from "./pages";
import { type Consent, configure, type Settings } from "./settings";
import { openStorage } from "./storage";
import { forget, save, visitor } from "./visitor";

export interface Tracker {
  /** Something happened. Revenue is a property: `{ revenue: 9.5, currency: "EUR" }`. */
  track(name: string, properties?: Properties): void;
  /** A page view, where they are not told by themselves. */
  page(properties?: Properties): void;
  /** Who the visitor is, from now on. */
  identify(userId: string, traits?: Properties): void;
  /** Another visitor from now on, as after signing out on a shared device. */
  reset(): void;
  /** What the visitor agreed to. */
  consent(choice: Consent): void;
  /** Nothing is sent any more; `optOut(false)` takes it back. */
  optOut(out?: boolean): void;
  /** A call as a list: `push(["track", "signup"])`. It works before the script is there, too. */
  push(call: [name: string, ...given: any[]]): void;
}

function decide(choice: Level): void {
  const knew = mayKnow();
  choose(choice);
  const knows = mayKnow();
  if (!knows) forget();
  // What came before was nobody's. The visit goes on under its own id, beginning with where it came from.
  else if (!knew) emit("consent", {}, visitor()[5]);
}

export const tracker: Tracker = {
  track: guard(emit),
  page: guard(page),
  identify: guard((userId, traits) => {
    visitor()[6] = userId;
    save();
    if (mayKnow()) emit("identify", traits);
  }),
  reset: guard(forget),
  consent: guard(decide),
  optOut: guard((isOut = true) => {
    takeBack();
    decide(isOut ? "out" : ("" as Level));
  }),
  push: guard(([name, ...given]) => (tracker as any)[name](...given)),
};

/** Begin to measure. `earlier` are calls that were made before, `from` is the address of the script. */
export const start = guard((chosen: Settings, earlier: [string, ...any[]][] = [], from?: string) => {
  configure(chosen, from);
  startPages();
  startEngagement();
  startClicks();
  startDelivery();
  later(() => {
    openStorage();
    arrive();
    land();
    adopt();
    // Before the first page view, so that what they say of consent holds for it.
    earlier.forEach(tracker.push);
    viewLoaded();
  });
  listen("visibilitychange", () => {
    if (document.hidden) {
      ping();
      sendOnHide();
    } else {
      watch();
      adopt();
    }
  });
  listen("pageshow", ({ persisted }) => {
    // The browser kept the page and shows it again: a view of its own.
    if (persisted) viewLoaded();
  });
});
