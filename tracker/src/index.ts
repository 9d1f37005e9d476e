// For bundlers: `start({ site: "KEY", endpoint: "https://APP/api/events" })`, and the same functions as the tag's.
import type { Settings } from "./settings";
import { start as begin } from "./tracker";

export type { Properties } from "./event";
export type { Consent, Settings } from "./settings";
export { type Tracker, tracker } from "./tracker";

let begun = false;

/** Begin to measure. A second call changes nothing: frameworks run effects twice in development. */
export function start(settings: Settings): void {
  if (begun) return;
  begun = true;
  begin(settings);
}
