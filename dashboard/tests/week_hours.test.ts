// Numbers by weekday and hour.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../src/api";
import { hourLabel, weekdayLabel } from "../src/format";
import { weekHours } from "../src/week_hours";

test("hours of the same weekday are added up by the site's clock", () => {
  const rows = [["2026-03-02T09:00:00+01:00", 3], ["2026-03-09T09:00:00+01:00", 4], ["2026-03-08T23:00:00+01:00", 5], ["2026-03-29T03:00:00+02:00", 1]] as const;
  const sums = weekHours({ results: rows.map(([label, value]) => ({ dimensions: [label], metrics: [value] })) } as unknown as Answer);
  assert.deepEqual([sums[0]![9], sums[6]![23], sums[6]![3]], [7, 5, 1]);
  assert.equal(sums.flat().reduce((one, other) => one + other), 13);
  assert.deepEqual([weekdayLabel(0), weekdayLabel(6), hourLabel(0), hourLabel(17)], ["Mon", "Sun", "00", "17"]);
});
