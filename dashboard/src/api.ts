// Requests to the API, with the site's key. The key is in this object and in the session's storage, and nowhere else.
import type { Setup } from "./setup_checks";

export interface Answer {
  readonly results: readonly Row[];
  readonly meta: Meta;
  readonly query: {
    readonly date_range: readonly [string, string];
    readonly metrics: readonly string[];
    readonly dimensions: readonly string[];
  };
}

export interface Row {
  readonly dimensions: readonly string[];
  readonly metrics: readonly (number | null)[];
  readonly comparison?: {
    readonly dimensions: readonly string[];
    readonly metrics: readonly (number | null)[];
    readonly change: readonly (number | null)[];
  };
}

export interface Meta {
  readonly complete_until: string | null;
  readonly sql?: string;
  readonly parameters?: unknown;
  readonly total_rows?: number;
  readonly time_labels?: readonly string[];
  readonly partial_time_labels?: readonly string[];
  readonly comparison_date_range?: readonly [string, string];
  readonly sharing?: Sharing;
  /** The currency of all amounts; null if there are several or none. */
  readonly currency?: string | null;
  /** Why amounts of money are null or incomplete. */
  readonly currency_note?: string;
  /** How many events of bots are not counted; null with a share key. */
  readonly bots_left_out?: number | null;
}

/** What a share key hides: groups of few visitors. */
export interface Sharing {
  readonly smallest_group: number;
  /** Whether the answer is withheld because it would be about fewer visitors. */
  readonly withheld: boolean;
  readonly small_groups: "none" | "folded" | "left_out";
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

export interface Report {
  readonly report: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  readonly meta: Meta;
}

/** A site that a key opens. */
export interface Site {
  readonly site: string;
  /** The kind of the key that opens it. A share key opens nothing about single persons. */
  readonly key_kind: "read" | "share";
  readonly time_zone: string;
  readonly goals: readonly { readonly name: string; readonly revenue?: string | null }[];
  readonly funnels: readonly string[];
  readonly segments: readonly string[];
  /** With a read key: what a page needs in order to be measured. */
  readonly setup?: Setup;
  /** With a share key: the properties that it opens. */
  readonly shared_properties?: readonly string[];
}

/** A request that failed. `status` is 0 if no answer came back. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

const RETRY_SECONDS = 5;
// Each query keeps several cores of a server busy. The panels at the top send theirs first.
const MOST_PARALLEL = 3;

export class Api {
  readonly #key: string;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(key: string) {
    this.#key = key;
  }

  /** Without the SQL, which is most of an answer. */
  async query(body: object, signal: AbortSignal, sql = false): Promise<Answer> {
    const text = JSON.stringify({ ...body, include: { ...(body as { include?: object }).include, sql } });
    return this.#json("/api/query", { method: "POST", body: text, signal });
  }

  async report(name: string, parameters: Record<string, string>, signal: AbortSignal, sql = false): Promise<Report> {
    return this.#json(reportAddress(name, { ...parameters, format: "json", ...(sql ? { sql: "1" } : {}) }), { signal });
  }

  /** The report as a file. */
  async csv(name: string, parameters: Record<string, string>): Promise<Blob> {
    return (await this.#scheduled(reportAddress(name, { ...parameters, format: "csv" }), {})).blob();
  }

  async sites(signal: AbortSignal): Promise<readonly Site[]> {
    return ((await this.#json("/api/sites", { signal })) as { sites: readonly Site[] }).sites;
  }

  async #json<Body>(address: string, options: RequestInit): Promise<Body> {
    return (await this.#scheduled(address, options)).json();
  }

  async #scheduled(address: string, options: RequestInit): Promise<Response> {
    if (this.#running === MOST_PARALLEL) await new Promise<void>((turn) => this.#waiting.push(turn));
    else this.#running += 1;
    try {
      options.signal?.throwIfAborted();
      return await this.#send(address, options);
    } finally {
      // The request that waits longest takes the place.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #send(address: string, options: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(address, {
        ...options,
        headers: { Authorization: `Bearer ${this.#key}` },
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem(0, "The server cannot be reached.", RETRY_SECONDS);
    }
    if (answer.ok) return answer;
    const body = (await answer.json().catch(() => ({}))) as { message?: string };
    const wait = Number(answer.headers.get("Retry-After")) || RETRY_SECONDS;
    throw new Problem(answer.status, body.message ?? `The server answered ${answer.status}.`, wait);
  }
}

function reportAddress(name: string, parameters: Record<string, string>): string {
  return `/api/reports/${name}?${new URLSearchParams(parameters)}`;
}
