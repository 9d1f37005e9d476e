// How long a page was visible and how far it was scrolled, sent when the page is left. Hidden time does not count.
import { emitAutomatic } from "./event";
import { listen, now } from "./guard";

const LEAST_MS = 500;
let visibleSince = 0;
let engagedMs = 0;
let bottom = 0;

/** Count from now on if the page is visible. */
export const resume = (): void => {
  visibleSince = document.hidden ? 0 : now();
};

/** Send what was counted since the last ping. */
export const ping = (): void => {
  if (visibleSince) engagedMs += now() - visibleSince;
  visibleSince = 0;
  if (engagedMs < LEAST_MS) return;
  reach();
  emitAutomatic("page_ping", {
    engagement_ms: engagedMs,
    scroll_depth: Math.min(100, (bottom / document.documentElement.scrollHeight) * 100) | 0,
  });
  engagedMs = 0;
};

/** Count from zero for a new page. */
export const restart = (): void => {
  engagedMs = bottom = 0;
  resume();
};

export const startEngagement = (): void => {
  listen("scroll", reach);
};

const reach = (): void => {
  bottom = Math.max(bottom, scrollY + innerHeight);
};
