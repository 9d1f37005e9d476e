// The entry point for bundlers: `start({ site: "KEY", endpoint: "https://APP/api/events" })`, and the same functions as the tag's.
import type { Settings } from "./settings";
import { start as begin } from "./tracker";

export type { Properties } from "./event";
export type { Consent, Settings } from "./settings";
export { type Tracker, tracker } from "./tracker";

let started = false;

/** Start measuring. A second call has no effect, because frameworks run effects twice in development. */
export function start(settings: Settings & { endpoint: string }): void {
  if (started) return;
  started = true;
  begin(settings);
}
