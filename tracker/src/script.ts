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
  const measure = () => {
    const earlier: any = window.clickstream || [];
    // A second tag on the page changes nothing.
    if (earlier.track) return;
    window.clickstream = tracker;
    start(script.dataset as unknown as Settings, earlier, script.src);
  };
  if ((document as Document & { prerendering?: boolean }).prerendering) listen("prerenderingchange", measure);
  else measure();
})();
