// The functions that a page may call, and the order of the start.
import { startClicks } from "./clicks";
import { choose, type Level, mayKnow, takeBack } from "./consent";
import { adopt, sendOnHide, startDelivery } from "./delivery";
import { ping, startEngagement, resume } from "./engagement";
import { emit, emitConsent, type Properties } from "./event";
import { guard, later, listen } from "./guard";
import { arrive } from "./linking";
import { land, page, startPages, viewLoaded } from "./page_views";
import { type Consent, configure, type Settings } from "./settings";
import { openStorage } from "./storage";
import { At, forget, save, visitor } from "./visitor";

export interface Tracker {
  /** Send an event. Revenue is a property: `{ revenue: 9.5, currency: "EUR" }`. */
  track(name: string, properties?: Properties): void;
  /** Send a page view, if automatic ones are switched off. */
  page(properties?: Properties): void;
  /** Set the visitor's user id. */
  identify(userId: string, traits?: Properties): void;
  /** Start a new visitor, such as after signing out on a shared device. */
  reset(): void;
  /** Set the visitor's consent. */
  consent(choice: Consent): void;
  /** Send nothing any more. `optOut(false)` takes it back. */
  optOut(out?: boolean): void;
  /** A call as a list: `push(["track", "signup"])`. It works before the script has loaded, too. */
  push(call: [name: string, ...args: any[]]): void;
}

const decide = (choice: Level): void => {
  const wasKnown = mayKnow();
  choose(choice);
  const isKnown = mayKnow();
  if (!isKnown) forget();
  // Earlier events had no visitor. The visit continues under its own id, with its source.
  else if (!wasKnown) emitConsent();
};

export const tracker: Tracker = {
  track: guard(emit),
  page: guard(page),
  identify: guard((userId, traits) => {
    visitor()[At.User] = userId;
    save();
    if (mayKnow()) emit("identify", traits);
  }),
  reset: guard(forget),
  consent: guard(decide),
  optOut: guard((isOut = true) => {
    takeBack();
    decide(isOut ? "out" : ("" as Level));
  }),
  push: guard(([name, ...args]) => (tracker as any)[name](...args)),
};

/** Start measuring. `earlier` are calls from before the script loaded. */
export const start = guard((chosen: Settings, earlier: [string, ...any[]][] = []) => {
  configure(chosen);
  startPages();
  startEngagement();
  startClicks();
  startDelivery();
  later(() => {
    openStorage();
    arrive();
    land();
    adopt();
    // Before the first page view, so that consent among these calls applies to it.
    earlier.forEach(tracker.push);
    viewLoaded();
  });
  listen("visibilitychange", () => {
    if (document.hidden) {
      ping();
      sendOnHide();
    } else {
      resume();
      adopt();
    }
  });
  listen("pageshow", ({ persisted }) => {
    // A page from the back/forward cache is a new view.
    if (persisted) viewLoaded();
  });
});
