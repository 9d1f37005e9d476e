// The visitor's consent: the choice, bounded by the browser's signals. The choice is stored for other tabs and the next
// page. Before a choice nothing is stored.
import { isLocal } from "./local";
import { type Consent, settings } from "./settings";
import { disk } from "./storage";

export type Level = Consent | "out";

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}

// From lenient to strict. A level that is not in the list bounds nothing.
const LEVELS = "anonymous denied out";
const CHOICE = "cs-consent";

/** A page of this machine counts as opted out. Undefined without a choice and a setting. Then the site's own rule decides, and the device may store the visitor. */
export const consent = (): Level | undefined => {
  const level = (isLocal() && !settings.localhost ? "out" : disk[CHOICE] || settings.consent) as Level | undefined;
  const bound = settings.signals || "anonymous";
  return (navigator.globalPrivacyControl || +(navigator.doNotTrack as string)) &&
    LEVELS.indexOf(bound) > LEVELS.indexOf(level as string)
    ? (bound as Level)
    : level;
};

/** Whether the visitor may be identified and stored. */
export const mayKnow = (level = consent()): boolean => {
  return !level || level == "full";
};

/** Store the choice. An opt-out outlasts every other choice until `takeBack`. */
export const choose = (level: Level): void => {
  if (disk[CHOICE] != "out") disk[CHOICE] = level;
};

export const takeBack = (): void => {
  disk[CHOICE] = "";
};
