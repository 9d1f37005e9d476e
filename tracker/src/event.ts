// An event: name, page and device, and with consent the visitor.
import { consent, mayKnow } from "./consent";
import { enqueue } from "./delivery";
import { now } from "./guard";
import { pageFields } from "./page_url";
import { serialize } from "./serialize";
import { isOff, settings } from "./settings";
import { At, save, uuid, visitor } from "./visitor";

// Events that are not an act of the visitor: reading time, identity, consent.
const NO_ACT = /^(page_ping|consent|identify)$/;

export type Properties = Record<string, unknown>;

declare global {
  interface Window {
    Temporal?: { Now: { timeZoneId(): string } };
  }
}

/** The id of the page view, if it was sent without a visitor. */
let view: string | null;

/** Send an automatic event, unless the site switched it off. */
export const emitAutomatic = (name: string, properties?: Properties, more?: Properties): void => {
  if (!isOff(name)) emit(name, properties, more);
};

export const emit = (name: string, properties?: Properties, more?: Properties | null): void => {
  const level = consent();
  if (level == "out") return;
  const isAct = (properties?.interactive ?? !NO_ACT.test(name)) as boolean;
  const current = visitor(isAct, properties?.engagement_ms as number);
  const event_id = uuid();
  const isKnown = mayKnow(level);
  // With consent no such id is needed, and after consent is taken back the old one is void.
  view = isKnown ? null : name == "page_view" ? event_id : view;
  enqueue(
    serialize({
      name,
      event_id,
      created_at: now(),
      ...pageFields,
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
      ...(isKnown && {
        anonymous_id: settings.credentials ? null : current[At.Id],
        user_id: current[At.User],
        session_id: current[At.Session],
        session_index: current[At.Index],
        context: { sequence: ++current[At.Sequence], source: current[At.Source] },
      }),
      ...more,
    }),
  );
  save();
};

/** The visitor became known: the event that begins the visit, with the page view that came before. */
export const emitConsent = (): void => emit("consent", { page_view_id: view }, visitor()[At.Source]);
