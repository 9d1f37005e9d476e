// The values of a query over time, label by label.
import type { Answer } from "./api";
import { localText } from "./format";
import type { Metric } from "./metrics";

/**
 * The values of each metric at every label of the time axis. Where no event happened, a count is 0. Where it is not known
 * yet, the value is null.
 */
export class Lines {
  readonly labels: readonly string[];
  /** One for each label: whether its time is not complete yet, or only in part within the period. */
  readonly partial: readonly boolean[];
  /** The moment up to which the answer is complete, by the site's clock. */
  readonly until: string;
  readonly #metrics: readonly Metric[];
  readonly #rows: ReadonlyMap<string, readonly (number | null)[]>;
  /** With a share key, a time without a row may have been left out. */
  readonly #leavesOut: boolean;

  /** `which` of the answer's periods: its own, or the one that it is compared with. */
  constructor(answer: Answer | null, metrics: readonly Metric[], zone: string, which: "own" | "other" = "own") {
    const isOwn = which === "own";
    this.labels = (isOwn ? answer?.meta.time_labels : answer?.meta.comparison_time_labels) ?? [];
    this.#metrics = metrics;
    this.#leavesOut = answer?.meta.sharing !== undefined;
    this.until = localText(answer?.meta.complete_until ?? new Date().toISOString(), zone);
    const partial = new Set(answer?.meta.partial_time_labels);
    this.partial = this.labels.map((label) => partial.has(label));
    this.#rows = new Map((isOwn ? answer?.results : answer?.comparison_results)?.map((row) => [row.dimensions[0]!, row.metrics]));
  }

  /** The values before the incomplete ones at the end. */
  finished(metric: number): readonly (number | null)[] {
    const open = this.partial.lastIndexOf(false) + 1;
    return this.of(metric).slice(0, open);
  }

  of(metric: number): readonly (number | null)[] {
    const nothing = this.#metrics[metric]?.unit === "count" && !this.#leavesOut ? 0 : null;
    return this.labels.map(
      (label) => this.#rows.get(label)?.[metric] ?? (label.slice(0, 19) <= this.until ? nothing : null),
    );
  }
}
