// Answers of the API as state of a component. The last answer stays until the next one arrives.
import { createContext } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { type Answer, type Api, Problem, type Query, type Report, type Site } from "./api";
import type { View } from "./view";

/** How requests are sent. */
export interface Connection {
  readonly api: Api;
  /** Grows whenever every request is to be repeated. */
  readonly round: number;
  /** The admin key that was entered last, until the page is left; null if none works. */
  readonly adminKey: string | null;
  setAdminKey(key: string | null): void;
  /** Repeat every request now. */
  refresh(): void;
  onUnauthorized(): void;
  /** The outage that a request has met, or null once it has been answered. */
  onOutage(request: string, outage: Problem | null): void;
}

/** What every part of the screen works with. */
export interface ScreenState {
  readonly sites: readonly Site[];
  readonly site: Site;
  readonly view: View;
  readonly theme: string;
  go(changes: Partial<View>): void;
  choose(name: string, value: string): void;
  /** The moment up to which the page's answer is complete. */
  setCompleteUntil(moment: string | null): void;
  /** Say it to screen readers. */
  announce(text: string): void;
  /** Show it until it is closed. */
  alert(text: string): void;
}

export const ConnectionContext = createContext(undefined as unknown as Connection);
export const Screen = createContext(undefined as unknown as ScreenState);
export const useConnection = (): Connection => useContext(ConnectionContext);
export const useScreen = (): ScreenState => useContext(Screen);

export interface Result<Body> {
  readonly answer: Body | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
  /** Whether the answer belongs to the current request, not to the one before. */
  readonly current: boolean;
}

interface State<Body> extends Omit<Result<Body>, "current"> {
  /** The key of the request that `answer` belongs to. */
  readonly answeredKey: string | null;
}

const NO_REQUEST = { answer: null, answeredKey: null, problem: null, loading: false };
const UNAUTHORIZED = 401;
const TRANSIENT = [0, 502, 503, 504, 429];

/**
 * Send the request that `key` identifies (null for none). Send it again when the key changes, in the next round, and
 * after a problem that passes by itself.
 */
export function useRequest<Body>(key: string | null, send: (api: Api, signal: AbortSignal) => Promise<Body>): Result<Body> {
  const { api, round, onUnauthorized, onOutage } = useConnection();
  const id = useId();
  const [state, setState] = useState<State<Body>>({ ...NO_REQUEST, loading: key !== null });
  const [retries, setRetries] = useState(0);
  const latest = useRef(send);
  latest.current = send;
  useEffect(() => {
    if (key === null) {
      setState(NO_REQUEST);
      onOutage(id, null);
      return;
    }
    const leaving = new AbortController();
    let retry: number | undefined;
    setState((before) => ({ ...before, loading: true }));
    latest.current(api, leaving.signal).then(
      (answer) => {
        if (leaving.signal.aborted) return;
        onOutage(id, null);
        setState({ answer, answeredKey: key, problem: null, loading: false });
      },
      (error: unknown) => {
        if (leaving.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(-1, String(error), 0);
        if (problem.status === UNAUTHORIZED) onUnauthorized();
        onOutage(id, isOutage(problem) ? problem : null);
        // During an outage the last answer to the same request stays.
        setState(({ answer, answeredKey }) => {
          const stays = isOutage(problem) && answeredKey === key;
          return { answer: stays ? answer : null, answeredKey, problem, loading: false };
        });
        if (TRANSIENT.includes(problem.status)) {
          retry = window.setTimeout(() => setRetries((count) => count + 1), problem.retryAfterSeconds * 1000);
        }
      },
    );
    return () => {
      leaving.abort();
      window.clearTimeout(retry);
    };
  }, [api, key, round, retries]);
  useEffect(() => () => onOutage(id, null), []);
  const { answer, problem, loading, answeredKey } = state;
  return { answer, problem, loading, current: answer !== null && answeredKey === key };
}

/** Whether a problem is one of the server as a whole, not of this request. */
export function isOutage({ status }: Problem): boolean {
  return status === 0 || status >= 500 || TRANSIENT.includes(status);
}

/** Whether a problem may pass by itself, so that the request is sent again. */
export function isRetried(problem: Problem): boolean {
  return TRANSIENT.includes(problem.status);
}

/** The answer to a query; `null` for no query yet. */
export function useQuery(body: Query | null): Result<Answer> {
  return useRequest(body && JSON.stringify(body), (api, signal) => api.query(body!, signal));
}

/** A report; `null` for none yet. */
export function useReport(name: string | null, parameters: Record<string, string>): Result<Report> {
  return useRequest(name && JSON.stringify([name, parameters]), (api, signal) => api.report(name!, parameters, signal));
}
