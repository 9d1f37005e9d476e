// What the visitor agreed to: the stated choice, bounded by the browser's signals. The choice itself is kept, so that
// it holds in other tabs and on the next page; before one is made nothing is.
import { type Consent, settings } from "./settings";
import { disk } from "./storage";

export type Level = Consent | "out";

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}

// From the strictest; what stands earlier is stricter.
const LEVELS = "out denied anonymous full ignore";
const CHOICE = "cs-consent";

/** Undefined where nobody said any: the site's own rule decides, and the device may keep the visitor. */
export function consent(): Level | undefined {
  const level = (disk[CHOICE] || settings.consent) as Level | undefined;
  const bound = settings.signals || "anonymous";
  return (navigator.globalPrivacyControl || +(navigator.doNotTrack as string)) &&
    LEVELS.indexOf(bound) < LEVELS.indexOf(level || "full")
    ? (bound as Level)
    : level;
}

/** Whether the visitor may be known. */
export function mayKnow(level = consent()): boolean {
  return !level || level == "full";
}

/** Who opted out stays out, whatever else is chosen, until `takeBack`. */
export function choose(level: Level): void {
  if (disk[CHOICE] != "out") disk[CHOICE] = level;
}

export function takeBack(): void {
  disk[CHOICE] = "";
}
