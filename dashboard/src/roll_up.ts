// The numbers of several sites added up. Somebody who visits two sites counts twice: sites share no ids.
import type { Answer } from "./api";

/** A site's totals, and its visitors over time, label by label. */
export interface SiteNumbers {
  readonly totals: Answer;
  readonly labels: readonly string[];
  readonly visitors: readonly (number | null)[];
}

export interface RollUp {
  /** How many sites are in it; a share key may hide the numbers of others. */
  readonly sites: number;
  readonly metrics: readonly number[];
  /** In percent; null if not every site can be compared, or if there was nothing before. */
  readonly change: readonly (number | null)[];
  /** Visitors of each day, or other label, by each site's own clock. */
  readonly visitors: readonly number[];
}

/** The sums of the first `count` metrics. */
export function rollUp(all: readonly SiteNumbers[], count: number): RollUp {
  const known = all.flatMap((numbers) => {
    const row = numbers.totals.results[0];
    return row && row.metrics.every((value) => value !== null) ? [{ ...numbers, row }] : [];
  });
  const metrics: number[] = [];
  const change: (number | null)[] = [];
  for (let at = 0; at < count; at++) {
    const now = known.reduce((sum, { row }) => sum + row.metrics[at]!, 0);
    const before = known.map(({ row }) => row.comparison?.metrics[at] ?? null);
    const sum = before.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
    metrics.push(now);
    change.push(known.length && sum ? ((now - sum) / sum) * 100 : null);
  }
  const visitors = new Map<string, number>();
  for (const { labels, visitors: own } of known) labels.forEach((label, at) => visitors.set(label, (visitors.get(label) ?? 0) + (own[at] ?? 0)));
  return { sites: known.length, metrics, change, visitors: [...visitors].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value) };
}
