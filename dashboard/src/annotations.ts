// Annotations of the site's document, by the points of the chart that they belong to.
import type { Annotation } from "./api";

/**
 * For each label of the axis what happened in its time, the earliest first. `range` has the first and the last day of the
 * period. Labels and moments are by the site's clock; a day without a time is its first minute.
 */
export function annotationsAt(
  annotations: readonly Annotation[],
  labels: readonly string[],
  range: readonly [string, string],
): ReadonlyMap<number, readonly Annotation[]> {
  const minute = (text: string): string => (text.length > 10 ? text.slice(0, 16) : `${text}T00:00`);
  const starts = labels.map(minute);
  const [first, last] = range.map((text) => text.slice(0, 10)) as [string, string];
  const within = annotations.filter(({ at }) => first <= at.slice(0, 10) && at.slice(0, 10) <= last);
  const sorted = within.toSorted((one, other) => minute(one.at).localeCompare(minute(other.at)));
  const placed = new Map<number, readonly Annotation[]>();
  for (const annotation of sorted) {
    const index = starts.findLastIndex((start) => start <= minute(annotation.at));
    if (index >= 0) placed.set(index, [...(placed.get(index) ?? []), annotation]);
  }
  return placed;
}
