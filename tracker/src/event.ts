// An event: what happened, on which page, on what device, and as far as the visitor agreed, whose it is.
import { consent, mayKnow } from "./consent";
import { enqueue } from "./delivery";
import { now } from "./guard";
import { referrer, url } from "./place";
import { serialize } from "./serialize";
import { isOff, settings } from "./settings";
import { save, uuid, visitor } from "./visitor";

export type Properties = Record<string, unknown>;

declare global {
  interface Window {
    Temporal?: { Now: { timeZoneId(): string } };
  }
}

/** An event that happened by itself, where the site did not switch it off. */
export function tell(name: string, properties?: Properties, more?: Properties): void {
  if (!isOff(name)) emit(name, properties, more);
}

export function emit(name: string, properties?: Properties, more?: Properties | null): void {
  const level = consent();
  if (level == "out") return;
  const known = visitor();
  const [anonymous_id, session_id, session_index, , , source, user_id] = known;
  enqueue(
    serialize({
      name,
      event_id: uuid(),
      created_at: now(),
      page_url: url,
      referrer,
      consent: level,
      tracker: "t-1",
      properties,
      ...(level != "denied" && {
        page_title: document.title,
        language: navigator.language,
        // Browsers without Temporal take milliseconds to find it for the first time.
        time_zone: window.Temporal?.Now.timeZoneId() || Intl.DateTimeFormat().resolvedOptions().timeZone,
        screen_width: screen.width,
        screen_height: screen.height,
        viewport_width: innerWidth,
        viewport_height: innerHeight,
      }),
      ...(mayKnow(level) && {
        anonymous_id: settings.credentials ? null : anonymous_id,
        user_id,
        session_id,
        session_index,
        context: { sequence: ++known[4], new_visitor: session_index < 2, source },
      }),
      ...more,
    }),
  );
  save();
}
