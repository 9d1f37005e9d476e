// How long a page was seen and how far it was scrolled, told when it is left. Hidden time does not count.
import { tell } from "./event";
import { listen, now } from "./guard";

const LEAST_MS = 500;
let seenSince = 0;
let engagedMs = 0;
let bottom = 0;

/** Count from now on, where the page is seen. */
export function watch(): void {
  seenSince = document.hidden ? 0 : now();
}

/** Tell what was counted since it was last told. */
export function ping(): void {
  if (seenSince) engagedMs += now() - seenSince;
  seenSince = 0;
  if (engagedMs < LEAST_MS) return;
  reach();
  tell("page_ping", {
    engagement_ms: engagedMs,
    scroll_depth: Math.min(100, (bottom / document.documentElement.scrollHeight) * 100) | 0,
  });
  engagedMs = 0;
}

/** A new page begins. */
export function restart(): void {
  engagedMs = bottom = 0;
  watch();
}

export function startEngagement(): void {
  listen("scroll", reach);
}

function reach(): void {
  bottom = Math.max(bottom, scrollY + innerHeight);
}
