// Answers of the API as state of a view: the last one stays in sight while the next is on its way.
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { type Api, Problem, type Report, type Site } from "./api";
import { dateRange } from "./periods";
import { type Filter, type View, ofWholeVisits } from "./view";

/** What every part of the screen works with. */
export interface Surroundings {
  readonly api: Api;
  readonly sites: readonly Site[];
  readonly site: Site;
  readonly view: View;
  /** Grows when everything shall be asked for again. */
  readonly round: number;
  readonly theme: string;
  go(changes: Partial<View>): void;
  choose(name: string, value: string): void;
  /** Up to when an answer is complete. */
  told(completeUntil: string | null): void;
  refused(): void;
  announce(text: string): void;
}

export const Screen = createContext<Surroundings>(undefined as unknown as Surroundings);
export const useScreen = (): Surroundings => useContext(Screen);

export interface Asked<Body> {
  readonly answer: Body | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
  /** Whether the answer is to what is asked now, not to the question before. */
  readonly current: boolean;
}

interface Answered<Body> extends Omit<Asked<Body>, "current"> {
  readonly to: string | null;
}

const NOTHING = { answer: null, to: null, problem: null, loading: false };
const UNAUTHORIZED = 401;
const LATER = [0, 502, 503, 504, 429];

/** Ask for `what` (any text; null for nothing), and again when it changes, in the next round, or once a server is back. */
export function useAsked<Body>(what: string | null, ask: (api: Api, signal: AbortSignal) => Promise<Body>): Asked<Body> {
  const { api, round, refused } = useScreen();
  const [asked, setAsked] = useState<Answered<Body>>({ ...NOTHING, loading: what !== null });
  const [retries, setRetries] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (what === null) {
      setAsked(NOTHING);
      return;
    }
    const leaving = new AbortController();
    let retry: number | undefined;
    setAsked((before) => ({ ...before, loading: true }));
    latest.current(api, leaving.signal).then(
      (answer) => leaving.signal.aborted || setAsked({ answer, to: what, problem: null, loading: false }),
      (error: unknown) => {
        if (leaving.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(-1, String(error), 0);
        if (problem.status === UNAUTHORIZED) refused();
        // What was answered to another question is no answer to this one.
        setAsked(({ answer, to }) => ({ answer: to === what ? answer : null, to, problem, loading: false }));
        if (LATER.includes(problem.status)) {
          retry = window.setTimeout(() => setRetries((count) => count + 1), problem.retryAfterSeconds * 1000);
        }
      },
    );
    return () => {
      leaving.abort();
      window.clearTimeout(retry);
    };
  }, [api, what, round, retries]);
  return { ...asked, current: asked.answer !== null && asked.to === what };
}

/** Whether a problem goes away by itself and is tried again meanwhile. */
export function isTriedAgain(problem: Problem): boolean {
  return LATER.includes(problem.status);
}

/** The part that every query of a view shares. */
export function queryBase(view: View): { site_id: string; date_range: unknown; filters: readonly Filter[] } {
  return { site_id: view.site, date_range: dateRange(view.period), filters: view.filters };
}

/** The same for reports. */
export function reportBase(view: View): Record<string, string> {
  const filters: Record<string, string> = view.filters.length ? { filters: JSON.stringify(view.filters) } : {};
  return { site_id: view.site, date_range: view.period, ...filters };
}

/** The same for reports about the order of events. */
export function sequenceBase(view: View): Record<string, string> {
  return reportBase({ ...view, filters: ofWholeVisits(view.filters) });
}

/** What a query includes for a comparison; nothing where there is none to make. */
export function comparisonOf(view: View): object {
  const none = view.comparing === "none" || view.period === "all";
  if (none) return {};
  const dates = view.comparing.split(",");
  return { comparisons: dates.length === 2 ? { mode: "custom", date_range: dates } : { mode: view.comparing } };
}

/** A report; `null` for none yet. */
export function useReport(name: string | null, parameters: Record<string, string>): Asked<Report> {
  return useAsked(name && JSON.stringify([name, parameters]), (api, signal) => api.report(name!, parameters, signal));
}
