// How much numbers change from one period to the other.
import type { Row } from "./api";
import type { Metric } from "./metrics";

/** The change of a metric: of a rate the difference, as the percentage of a percentage misleads; of others in percent. */
export function changeOf({ metrics, comparison }: Row, at: number, metric: Metric): number | null {
  if (metric.unit !== "percent") return comparison?.change[at] ?? null;
  const [now, before] = [metrics[at] ?? null, comparison?.metrics[at] ?? null];
  return now === null || before === null ? null : now - before;
}
