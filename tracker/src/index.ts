// For bundlers: `start({ site: "KEY", endpoint: "https://APP/api/events" })`, and the same functions as the tag's.
export type { Properties } from "./event";
export type { Consent, Settings } from "./settings";
export type { Tracker } from "./tracker";
export { start, tracker } from "./tracker";
