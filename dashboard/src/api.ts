// The answers, asked for with the read key. The key is nowhere but in this object and in the session's storage.

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
  readonly comparison_date_range?: readonly [string, string];
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

/** What a key opens. */
export interface Site {
  readonly site: string;
  /** What opens it: with a share key, nothing that tells of single persons. */
  readonly key_kind: "read" | "share";
  readonly time_zone: string;
  readonly goals: readonly { readonly name: string; readonly revenue?: string | null }[];
  readonly funnels: readonly string[];
  readonly segments: readonly string[];
}

/** An answer that is none: `status` is 0 where nothing came back. */
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
// Each question keeps several cores of a server busy; what stands above is asked for first, and so is there first.
const AT_ONCE = 3;

export class Api {
  readonly #key: string;
  readonly #waiting: (() => void)[] = [];
  #asking = 0;

  constructor(key: string) {
    this.#key = key;
  }

  async query(body: object, signal: AbortSignal): Promise<Answer> {
    return this.#json("/api/query", { method: "POST", body: JSON.stringify(body), signal });
  }

  async report(name: string, parameters: Record<string, string>, signal: AbortSignal): Promise<Report> {
    return this.#json(reportAddress(name, { ...parameters, format: "json", sql: "1" }), { signal });
  }

  /** The report as a file. */
  async csv(name: string, parameters: Record<string, string>): Promise<Blob> {
    return (await this.#answer(reportAddress(name, { ...parameters, format: "csv" }), {})).blob();
  }

  async sites(signal: AbortSignal): Promise<readonly Site[]> {
    return ((await this.#json("/api/sites", { signal })) as { sites: readonly Site[] }).sites;
  }

  async #json<Body>(address: string, options: RequestInit): Promise<Body> {
    return (await this.#answer(address, options)).json();
  }

  async #answer(address: string, options: RequestInit): Promise<Response> {
    if (this.#asking === AT_ONCE) await new Promise<void>((turn) => this.#waiting.push(turn));
    else this.#asking += 1;
    try {
      options.signal?.throwIfAborted();
      return await this.#asked(address, options);
    } finally {
      // The place goes to who waits longest.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#asking -= 1;
    }
  }

  async #asked(address: string, options: RequestInit): Promise<Response> {
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
    const told = (await answer.json().catch(() => ({}))) as { message?: string };
    const wait = Number(answer.headers.get("Retry-After")) || RETRY_SECONDS;
    throw new Problem(answer.status, told.message ?? `The server answered ${answer.status}.`, wait);
  }
}

function reportAddress(name: string, parameters: Record<string, string>): string {
  return `/api/reports/${name}?${new URLSearchParams(parameters)}`;
}
