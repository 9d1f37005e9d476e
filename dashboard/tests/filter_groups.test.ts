// Filters joined by "or".
import assert from "node:assert/strict";
import { test } from "node:test";
import { divided, joined, partsOf, withPart } from "../src/filter_groups";
import { filterInWords } from "../src/filter_words";
import { goalOf } from "../src/filtering";
import { type Filter, addressOf, DEFAULT_VIEW, ofWholeVisits, viewOf } from "../src/view";

const [a, b, c, d] = ["a", "b", "c", "d"].map((page): Filter => ["is", "event:page", [page]]) as [Filter, Filter, Filter, Filter];
const or = (...parts: Filter[]): Filter => ["or", parts];

test("two neighbours are joined, and groups become one", () => {
  assert.deepEqual(joined([a, b, c], 0), [or(a, b), c]);
  assert.deepEqual(joined([or(a, b), or(c, d)], 0), [or(a, b, c, d)]);
  assert.deepEqual(joined([a, b, c], 1), [a, or(b, c)]);
});

test("a group is divided after a part, and what stays alone is no group", () => {
  assert.deepEqual(divided([d, or(a, b, c)], { at: 1, part: 0 }), [d, a, or(b, c)]);
  assert.deepEqual(divided([or(a, b)], { at: 0, part: 0 }), [a, b]);
});

test("parts are changed and removed", () => {
  assert.deepEqual(withPart([or(a, b), c], { at: 0, part: 1 }, d), [or(a, d), c]);
  assert.deepEqual(withPart([or(a, b), c], { at: 0, part: 1 }, null), [a, c]);
  assert.deepEqual(withPart([a, c], { at: 0, part: 0 }, null), [c]);
});

test("what is no group is one part", () => {
  for (const filter of [["or"], ["or", []], ["or", ["is"]], ["or", [a], 1], ["and", [a, b]], a] as Filter[]) {
    assert.deepEqual(partsOf(filter), [filter]);
  }
});

test("a group stays in the address, has words, and selects whole visits in sequences", () => {
  const view = { ...DEFAULT_VIEW, filters: [or(a, ["is", "visit:device", ["mobile"]])] };
  assert.deepEqual(viewOf(new URL(`https://x${addressOf(view, { pathname: "/dashboard", hash: "" })}`)).filters, view.filters);
  assert.equal(filterInWords(view.filters[0]!), "Page is a or Device is Mobile");
  assert.equal(filterInWords(["and", [a, or(b, c)]]), "Page is a and (Page is b or Page is c)");
  assert.deepEqual(ofWholeVisits(view.filters), [["or", [["has_done", a], ["is", "visit:device", ["mobile"]]]]]);
});

test("one event or page with further filters is a goal, several are none", () => {
  const device: Filter = ["is", "visit:device", ["mobile"]];
  assert.deepEqual(goalOf([a, device]), { page: "a", filters: [device] });
  assert.deepEqual(goalOf([["is", "event:name", ["buy"]]]), { event: "buy" });
  for (const filters of [[], [device], [a, b], [or(a, b)], [["is", "event:page", ["a", "b"]]], [["is_not", "event:page", ["a"]]]]) {
    assert.equal(goalOf(filters as Filter[]), null);
  }
});
