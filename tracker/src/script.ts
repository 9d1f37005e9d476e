// What the tag runs: settings from its attributes, calls from the stub, and one global.
import { guard, listen } from "./guard";
import type { Settings } from "./settings";
import { start, type Tracker, tracker } from "./tracker";

declare global {
  interface Window {
    clickstream?: Tracker | [string, ...any[]][];
  }
}

guard(() => {
  const script = document.currentScript as HTMLScriptElement;
  const chosen = { endpoint: new URL("api/events", script.src).href, ...script.dataset } as unknown as Settings;
  const begin = () => {
    const earlier: any = window.clickstream || [];
    // A second tag on the page changes nothing.
    if (earlier.track) return;
    window.clickstream = tracker;
    start(chosen, earlier);
  };
  if ((document as Document & { prerendering?: boolean }).prerendering) listen("prerenderingchange", begin);
  else begin();
})();
