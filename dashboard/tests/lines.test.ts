// Values over time.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../src/api";
import { Lines } from "../src/lines";
import { HEADLINES, metricOf } from "../src/metrics";

const labels = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"];
const metrics = [HEADLINES[0]!, metricOf("bounce_rate")];
const answer = (sharing?: Answer["meta"]["sharing"]): Answer => ({
  results: [
    { dimensions: ["2026-03-01"], metrics: [3, 50] },
    { dimensions: ["2026-03-03"], metrics: [1, 0] },
  ],
  meta: {
    complete_until: "2026-03-03T11:00:00Z",
    time_labels: labels,
    partial_time_labels: ["2026-03-03", "2026-03-04"],
    ...(sharing && { sharing }),
  },
  query: { date_range: ["2026-03-01", "2026-03-04"], metrics: ["visitors", "bounce_rate"], dimensions: ["time:day"] },
});

test("a time without events counts 0, and the future is unknown", () => {
  const lines = new Lines(answer(), metrics, "UTC");
  assert.deepEqual(lines.of(0), [3, 0, 1, null]);
});

test("a rate of a time without events is unknown", () => {
  assert.deepEqual(new Lines(answer(), metrics, "UTC").of(1), [50, null, 0, null]);
});

test("with a share key, a time without a row may be left out and is unknown", () => {
  const lines = new Lines(answer({ smallest_group: 5, withheld: false, small_groups: "left_out" }), metrics, "UTC");
  assert.deepEqual(lines.of(0), [3, null, 1, null]);
});

test("finished values end before the first incomplete one at the end", () => {
  const lines = new Lines(answer(), metrics, "UTC");
  assert.deepEqual(lines.partial, [false, false, true, true]);
  assert.deepEqual(lines.finished(0), [3, 0]);
  assert.equal(lines.until, "2026-03-03T11:00:00");
});

test("without an answer there are no values", () => {
  assert.deepEqual(new Lines(null, metrics, "UTC").of(0), []);
});

test("the other period has labels and rows of its own", () => {
  const compared: Answer = {
    ...answer(),
    comparison_results: [{ dimensions: ["2026-02-02"], metrics: [7, 10] }],
    meta: { ...answer().meta, comparison_time_labels: ["2026-02-01", "2026-02-02"] },
  };
  const lines = new Lines(compared, metrics, "UTC", "other");
  assert.deepEqual([lines.labels, lines.of(0), lines.of(1)], [["2026-02-01", "2026-02-02"], [0, 7], [null, 10]]);
});
