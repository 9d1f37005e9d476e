// How good web vitals are, and their form.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatVital } from "../src/format";
import { VITALS, ratingOf } from "../src/vitals";

test("a value on a limit belongs to the better side", () => {
  for (const vital of VITALS) {
    const { good, middling } = vital;
    const ratings = [0, good, good * 1.001, middling, middling * 1.001, null].map((value) => ratingOf(vital, value));
    assert.deepEqual(ratings, ["good", "good", "middling", "middling", "poor", null]);
  }
});

test("times are in milliseconds, from a second on in seconds; a shift has no unit", () => {
  const [lcp, , cls] = VITALS;
  const texts = [formatVital(lcp!, 999), formatVital(lcp!, 2540), formatVital(lcp!, null), formatVital(cls!, 0.1004)];
  assert.deepEqual(texts, ["999 ms", "2.54s", "–", "0.1"]);
});
