// Requests to the API, with the site's key. The key is in this object and in the session's storage, and nowhere else.
import type { Setup } from "./setup_checks";
import { t } from "./texts";
import type { Filter } from "./view";

export interface Answer {
  readonly results: readonly Row[];
  /** The rows of the other period, if the query includes them. */
  readonly comparison_results?: readonly Row[];
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
  readonly comparison_time_labels?: readonly string[];
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

/** Events that a condition is about: those of a goal, of a name or of a page; without any of the three, all. */
export interface Events {
  readonly goal?: string;
  readonly event?: string;
  readonly page?: string;
  readonly filters?: readonly Filter[];
}

/** A condition of an audience, as in the site's document. Lengths of time are texts such as `7d`. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | { readonly in: string }
  | { readonly did: Events; readonly times?: { readonly at_least?: number; readonly at_most?: number }; readonly within: string }
  | { readonly did_not: Events; readonly within: string }
  | { readonly sum: Events & { readonly property: string }; readonly at_least: number; readonly within: string }
  | { readonly sequence: Steps; readonly within: string }
  | { readonly trait: { readonly name: string; readonly is?: readonly Value[]; readonly in_next?: string } }
  | { readonly field: { readonly name: string; readonly is?: readonly Value[]; readonly at_least?: number; readonly at_most?: number } }
  | { readonly score: { readonly name: string; readonly at_least: number } };

type Value = string | number | boolean;

/** Steps in their order; an exclusion counts after one step, else after any. */
export interface Steps {
  readonly steps: readonly Events[];
  readonly window?: string;
  readonly order?: "loose" | "strict";
  readonly exclude?: readonly (Events & { readonly after?: number })[];
}

export interface Audience {
  readonly name: string;
  readonly slug: string;
  /** By default known persons alone. */
  readonly of?: "people" | "everyone";
  readonly where: Condition;
  /** Lengths of time such as `7d`. */
  readonly stay?: string;
  readonly pause?: string;
  readonly grace?: string;
}

/** A run that has ended. `actor` is who can remove the reason of a failure. */
export interface EndedRun {
  readonly id: string;
  readonly due_at: string;
  readonly ended_at: string;
  readonly outcome: "succeeded" | "failed" | "stopped";
  readonly counts: Readonly<Record<string, number>>;
  readonly actor: "author" | "operator" | "other_side" | "nobody" | "us" | null;
  readonly message: string | null;
}

export interface Job {
  readonly name: string;
  /** Such as `export-events` or `import-sql`. */
  readonly kind: string;
  readonly description: string | null;
  readonly status: "active" | "running" | "stopped" | "failed" | "done";
  readonly reason: string | null;
  readonly next_runs: readonly string[];
  readonly run: { readonly started_at: string; readonly counts: Readonly<Record<string, number>> } | null;
  readonly last_run: EndedRun | null;
}

/** What an admin key does with a job. */
export type Action = "run" | "stop" | "resume";

/** A part of a site's document that the page adds to. */
export type Defined = "goals" | "funnels" | "segments" | "annotations";

/** What an addition changes in the document of this version. Values are JSON; null for none. */
export interface Planned {
  readonly version: string;
  readonly changes: readonly { readonly name: string; readonly before: string | null; readonly after: string | null }[];
}

/** What an edit says about ids: see docs/identity.md. */
export type EditKind = "merge" | "split" | "link" | "unlink" | "block" | "undo";

/** An edit of which ids are one person. */
export interface Edit {
  readonly kind: EditKind;
  readonly ids: readonly string[];
  /** Of `link`: when the user was on the device. */
  readonly at?: string | null;
  /** Of `undo`: the number of the edit that is void. */
  readonly undoes?: number | null;
  readonly why: string;
  readonly asked_by: string;
}

export interface LoggedEdit extends Edit {
  readonly number: number;
  readonly recorded_at: string;
  /** Whether no other edit has undone it. */
  readonly in_force: boolean;
}

/** Whose an id is, from when to when; null for always. */
export interface Slice {
  readonly person: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** What an edit changes. */
export interface Edited {
  readonly dry_run: boolean;
  /** Whether people follow it already; else they do from the next compaction on. */
  readonly applied: boolean;
  readonly change: {
    readonly people_after: readonly string[];
    readonly changed_ids: number;
    readonly ids: readonly { readonly kind: string; readonly id: string; readonly before: readonly Slice[]; readonly after: readonly Slice[] }[];
  };
}

/** What happened on a day or at a minute, by the site's clock. */
export interface Annotation {
  readonly at: string;
  readonly text: string;
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
  /** With a read key: what happened when. */
  readonly annotations?: readonly Annotation[];
  /** With a read key: the audiences of its document. */
  readonly audiences?: readonly Audience[];
  /** With a share key: the properties that it opens. */
  readonly shared_properties?: readonly string[];
  /** With a share key: the dimensions that it does not open. */
  readonly closed_dimensions?: readonly string[];
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
// Each request keeps several cores of a server busy. The panels at the top send theirs first.
const MOST_PARALLEL = 3;
/** The most questions of one request to `POST /api/questions`. */
const MOST_QUESTIONS = 32;

/** A body of `POST /api/query`. */
export interface Query extends Readonly<Record<string, unknown>> {
  readonly site_id: string;
  readonly include?: object;
}

/** A query that waits for its request. */
interface Question {
  readonly query: Query;
  readonly signal: AbortSignal;
  answer(answer: Answer): void;
  refuse(reason: unknown): void;
}

export class Api {
  readonly #key: string;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #questions: Question[] = [];

  constructor(key: string) {
    this.#key = key;
  }

  /**
   * The answer to a query, without the SQL, which is most of it. Queries of the same moment are sent in one request, so
   * that the server computes once what they have in common.
   */
  query(body: Query, signal: AbortSignal, sql = false): Promise<Answer> {
    return new Promise((answer, refuse) => {
      const query = { ...body, include: { ...body.include, sql } };
      if (this.#questions.push({ query, signal, answer, refuse }) === 1) queueMicrotask(() => this.#ask());
    });
  }

  #ask(): void {
    const bySite = new Map<string, Question[]>();
    for (const question of this.#questions) {
      const { site_id } = question.query;
      if (!question.signal.aborted) bySite.set(site_id, [...(bySite.get(site_id) ?? []), question]);
    }
    this.#questions = [];
    for (const [site, questions] of bySite) {
      for (let at = 0; at < questions.length; at += MOST_QUESTIONS) void this.#askTogether(site, questions.slice(at, at + MOST_QUESTIONS));
    }
  }

  async #askTogether(site: string, questions: readonly Question[]): Promise<void> {
    const leaving = new AbortController();
    let interested = questions.length;
    for (const { signal } of questions) signal.addEventListener("abort", () => --interested || leaving.abort(), { once: true });
    const body = JSON.stringify({ site_id: site, questions: questions.map(({ query }) => ({ query })) });
    try {
      const { answers } = await this.#json<Answers>("/api/questions", { method: "POST", body, signal: leaving.signal });
      questions.forEach(({ answer, refuse }, at) => {
        const { status, body: one } = answers[at]!;
        if (status === 200) answer(one as Answer);
        else refuse(problemOf(status, one, RETRY_SECONDS));
      });
    } catch (error) {
      for (const { refuse } of questions) refuse(error);
    }
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

  async jobs(site: string, signal: AbortSignal): Promise<readonly Job[]> {
    const answer = await this.#json<{ jobs: readonly Job[] }>(`/api/jobs?${new URLSearchParams({ site_id: site })}`, { signal });
    return answer.jobs;
  }

  /** The latest runs that have ended, the newest first. */
  async jobRuns(site: string, job: string, limit: number, signal: AbortSignal): Promise<readonly EndedRun[]> {
    const parameters = new URLSearchParams({ site_id: site, limit: String(limit) });
    const answer = await this.#json<{ runs: readonly EndedRun[] }>(`/api/jobs/${encodeURIComponent(job)}/runs?${parameters}`, { signal });
    return answer.runs;
  }

  async changeJob(site: string, job: string, action: Action, adminKey: string): Promise<void> {
    const body = JSON.stringify({ site_id: site });
    await this.#json(`/api/jobs/${encodeURIComponent(job)}/${action}`, { method: "POST", body }, adminKey);
  }

  /** Add to the site's document, or without a version only plan it. */
  async define(site: string, kind: Defined, definition: object, adminKey: string, version: string | null): Promise<Planned> {
    const body = JSON.stringify({ site_id: site, kind, definition, ...(version === null ? {} : { dry_run: false, version }) });
    return this.#json("/api/definitions", { method: "POST", body }, adminKey);
  }

  /** Record an edit, or with `isDryRun` only ask what it would change. */
  async edit(site: string, edit: Edit, isDryRun: boolean, adminKey: string): Promise<Edited> {
    const body = JSON.stringify({ site_id: site, ...edit, dry_run: isDryRun });
    return this.#json("/api/identities", { method: "POST", body }, adminKey);
  }

  /** The log of edits, the oldest first. */
  async edits(site: string, adminKey: string): Promise<readonly LoggedEdit[]> {
    const address = `/api/identities/edits?${new URLSearchParams({ site_id: site })}`;
    return (await this.#json<{ edits: readonly LoggedEdit[] }>(address, {}, adminKey)).edits;
  }

  async #json<Body>(address: string, options: RequestInit, key?: string): Promise<Body> {
    return (await this.#scheduled(address, options, key)).json();
  }

  async #scheduled(address: string, options: RequestInit, key: string = this.#key): Promise<Response> {
    if (this.#running === MOST_PARALLEL) await new Promise<void>((turn) => this.#waiting.push(turn));
    else this.#running += 1;
    try {
      options.signal?.throwIfAborted();
      return await this.#send(address, options, key);
    } finally {
      // The request that waits longest takes the place.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #send(address: string, options: RequestInit, key: string): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(address, {
        ...options,
        headers: { Authorization: `Bearer ${key}` },
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem(0, t.frame.unreachable, RETRY_SECONDS);
    }
    if (answer.ok) return answer;
    const wait = Number(answer.headers.get("Retry-After")) || RETRY_SECONDS;
    throw problemOf(answer.status, await answer.json().catch(() => ({})), wait);
  }
}

/** The answer of `POST /api/questions`: an item for each question. */
interface Answers {
  readonly answers: readonly { readonly status: number; readonly body: object }[];
}

function problemOf(status: number, body: { message?: string }, wait: number): Problem {
  return new Problem(status, body.message ?? t.frame.answered(status), wait);
}

function reportAddress(name: string, parameters: Record<string, string>): string {
  return `/api/reports/${name}?${new URLSearchParams(parameters)}`;
}
