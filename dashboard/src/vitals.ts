// Web vitals: what is good and what is poor, by the thresholds that Google publishes for the 75th percentile.

export type Rating = "good" | "middling" | "poor";

export interface Vital {
  /** The column of the report `web_vitals`. */
  readonly column: "lcp_ms" | "inp_ms" | "cls" | "fcp_ms" | "ttfb_ms";
  /** The highest value that is good, and the highest that is not poor. */
  readonly good: number;
  readonly middling: number;
}

export const VITALS: readonly Vital[] = [
  { column: "lcp_ms", good: 2500, middling: 4000 },
  { column: "inp_ms", good: 200, middling: 500 },
  { column: "cls", good: 0.1, middling: 0.25 },
  { column: "fcp_ms", good: 1800, middling: 3000 },
  { column: "ttfb_ms", good: 800, middling: 1800 },
];

/** How good a value is; null if nothing was measured. */
export function ratingOf({ good, middling }: Vital, value: number | null): Rating | null {
  if (value === null) return null;
  if (value <= good) return "good";
  return value <= middling ? "middling" : "poor";
}
