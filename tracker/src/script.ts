// The tag's entry point: settings from its attributes, calls from the stub, and one global.
import { guard, listen } from "./guard";
import type { Settings } from "./settings";
import { start, tracker } from "./tracker";
import type {} from "./window";

guard(() => {
  const script = document.currentScript as HTMLScriptElement;
  const measure = () => {
    const earlier: any = window.clickstream || [];
    // A second tag on the page has no effect.
    if (earlier.track) return;
    window.clickstream = tracker;
    // A script that is pasted into the page knows no collector. The browser reports this address on the console.
    start({ endpoint: new URL("api/events", script.src || "endpoint:/"), ...script.dataset } as unknown as Settings, earlier);
  };
  if ((document as Document & { prerendering?: boolean }).prerendering) listen("prerenderingchange", measure);
  else measure();
})();
