// Annotations belong to the point of the chart in whose time they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { annotationsAt } from "../src/annotations";

const at = (moment: string) => ({ at: moment, text: moment });
const placed = (annotations: readonly string[], labels: readonly string[], range: readonly [string, string]) =>
  [...annotationsAt(annotations.map(at), labels, range)].map(([index, all]) => [index, ...all.map(({ text }) => text)]);

test("by days, weeks and hours", () => {
  const moments = ["2026-10-14T09:30", "2026-10-13", "2026-10-14", "2026-10-11", "2026-10-16"];
  const range = ["2026-10-12", "2026-10-15"] as const;
  assert.deepEqual(placed(moments, ["2026-10-12", "2026-10-13", "2026-10-14", "2026-10-15"], range), [
    [1, "2026-10-13"],
    [2, "2026-10-14", "2026-10-14T09:30"],
  ]);
  assert.deepEqual(placed(moments, ["2026-10-12"], range), [[0, "2026-10-13", "2026-10-14", "2026-10-14T09:30"]]);
  const hours = ["2026-10-14T08:00:00+02:00", "2026-10-14T09:00:00+02:00", "2026-10-14T10:00:00+02:00"];
  assert.deepEqual(placed(moments, hours, ["2026-10-14T08:00:00", "2026-10-14T11:00:00"]), [[1, "2026-10-14T09:30"]]);
});
