// Several sites added up.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../src/api";
import { type SiteNumbers, rollUp } from "../src/roll_up";

const site = (metrics: (number | null)[], before: (number | null)[] | null, days: Record<string, number | null>): SiteNumbers => {
  const comparison = before ? { comparison: { dimensions: [], metrics: before, change: [] } } : {};
  return { totals: { results: [{ dimensions: [], metrics, ...comparison }] } as unknown as Answer, labels: Object.keys(days), visitors: Object.values(days) };
};

test("numbers, and visitors of the same day, are added up", () => {
  const sums = rollUp([site([6, 9], [4, 3], { "2026-03-01": 4, "2026-03-02": 2 }), site([3, 3], [2, 3], { "2026-02-28": 1, "2026-03-01": 2 })], 2);
  assert.deepEqual(sums, { sites: 2, metrics: [9, 12], change: [50, 100], visitors: [1, 6, 2] });
});

test("a site whose numbers are hidden is in no sum, and nothing before is no change", () => {
  const sums = rollUp([site([6], [0], { "2026-03-01": 6 }), site([null], null, { "2026-03-01": 5 })], 1);
  assert.deepEqual(sums, { sites: 1, metrics: [6], change: [null], visitors: [6] });
  assert.deepEqual(rollUp([site([6], [3], {}), site([1], null, {})], 1).change, [null]);
  assert.deepEqual(rollUp([], 1), { sites: 0, metrics: [0], change: [null], visitors: [] });
});
