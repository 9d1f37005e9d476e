// The optional module of web vitals: measures how fast the page came and answered, and sends it once as an event of the
// tracking script, when the page is hidden or a route follows. docs/tracking.md has the definitions.
import type {} from "./window";

// What the types of the DOM do not have yet.
interface Entry extends PerformanceEntry {
  readonly hadRecentInput?: boolean;
  readonly interactionId?: number;
  readonly value?: number;
}

// Interactions that take less are seldom the slowest, and a page may have very many.
const LEAST_MS = 40;
const KEPT = 10;
const GAP_MS = 1000;
const SESSION_MS = 5000;
// Of so many interactions one of the slowest is left out.
const LEFT_OUT_OF = 50;

const [load] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { activationStart?: number })[];
const start = load?.activationStart ?? 0;
const wasHidden = (): boolean =>
  document.hidden || performance.getEntriesByType("visibility-state").some(({ name }) => name == "hidden");

let firstPaint: number | undefined;
let largestPaint: number | undefined;
let shift: number | undefined;
let session = 0;
let sessionStart = 0;
let lastShift = 0;
let interactions = new Map<number, number>();
let isSent = false;

const observers: [observer: PerformanceObserver, handle: (entry: Entry) => void][] = [];

const observe = (type: string, handle: (entry: Entry) => void): boolean => {
  if (!PerformanceObserver.supportedEntryTypes?.includes(type)) return false;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(handle));
  observer.observe({ type, buffered: true, durationThreshold: LEAST_MS } as PerformanceObserverInit);
  observers.push([observer, handle]);
  return true;
};

const sinceStart = (entry: Entry): number => Math.max(0, entry.startTime - start);

const onShift = ({ hadRecentInput, startTime, value = 0 }: Entry): void => {
  if (hadRecentInput) return;
  if (!session || startTime - lastShift >= GAP_MS || startTime - sessionStart >= SESSION_MS) {
    session = 0;
    sessionStart = startTime;
  }
  lastShift = startTime;
  session += value;
  shift = Math.max(shift ?? 0, session);
};

const onInteraction = ({ interactionId, duration }: Entry): void => {
  if (!interactionId) return;
  interactions.set(interactionId, Math.max(duration, interactions.get(interactionId) ?? 0));
  const slowest = [...interactions].sort(([, one], [, other]) => other - one);
  interactions = new Map(slowest.slice(0, KEPT));
};

/** The slowest interaction, or of very many one of the slowest. */
const slowest = (): number | undefined => {
  const durations = [...interactions.values()].sort((one, other) => other - one);
  const count = (performance as Performance & { interactionCount?: number }).interactionCount ?? durations.length;
  return durations[Math.min(durations.length - 1, Math.floor(count / LEFT_OUT_OF))];
};

const send = (): void => {
  if (isSent) return;
  isSent = true;
  for (const [observer, handle] of observers) {
    observer.takeRecords().forEach(handle);
    observer.disconnect();
  }
  const measured = {
    ttfb_ms: load?.responseStart && Math.max(0, load.responseStart - start),
    fcp_ms: firstPaint,
    lcp_ms: largestPaint,
    inp_ms: slowest(),
  };
  const properties: Record<string, unknown> = { interactive: false };
  for (const [name, value] of Object.entries(measured)) if (value !== undefined) properties[name] = Math.round(value);
  if (shift !== undefined) properties.cls = Math.round(shift * 10_000) / 10_000;
  (window.clickstream = window.clickstream || []).push(["track", "web_vitals", properties]);
};

try {
  // A page that was loaded in the background is painted when somebody looks at it, which says nothing about its speed.
  if (!wasHidden()) {
    observe("paint", (entry) => {
      if (entry.name == "first-contentful-paint") firstPaint = sinceStart(entry);
    });
    observe("largest-contentful-paint", (entry) => {
      largestPaint = sinceStart(entry);
    });
    if (observe("layout-shift", onShift)) shift = 0;
    observe("event", onInteraction);
    observe("first-input", onInteraction);
    addEventListener("visibilitychange", () => document.hidden && send(), true);
    // On leaving, this comes before the page is hidden, which is when the tracking script sends what waits.
    addEventListener("pagehide", send, true);
    const { navigation } = window as { navigation?: EventTarget };
    navigation?.addEventListener("navigate", (event) => {
      const { destination, hashChange } = event as Event & { destination: { sameDocument: boolean }; hashChange: boolean };
      if (destination.sameDocument && !hashChange) send();
    });
  }
} catch {
  // The page must not notice.
}
