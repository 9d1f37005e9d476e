// Types of `window.clickstream` in pages with the tag: `import type {} from "clickstream-tracker/window"`.
import type { Tracker } from "./tracker";

type Functions = Omit<Tracker, "push">;

/** A call as a list, such as `["track", "signup", { plan: "pro" }]`. */
export type Call = { [Name in keyof Functions]: [name: Name, ...args: Parameters<Functions[Name]>] }[keyof Functions];

declare global {
  interface Window {
    /** The calls until the script has loaded; then its functions. `push` works before and after. */
    clickstream?: Tracker | Call[];
  }
}
