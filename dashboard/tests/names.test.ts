// Texts for metrics, dimensions, filters, steps and shortcuts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/filter_words";
import { stepsIn } from "../src/funnel_maker";
import { DIMENSIONS, DIMENSION_GROUPS, dimensionLabel, inCurrency, metricOf, worded } from "../src/metrics";
import { PANELS } from "../src/panels";
import { Records } from "../src/records";
import { SHORTCUTS } from "../src/shortcuts";

test("metrics and dimensions have labels, and unknown ones readable names", () => {
  assert.equal(metricOf("group_conversion_rate").label, "Conversion rate");
  assert.equal(metricOf("time_to_first_byte").label, "Time to first byte");
  assert.equal(worded("in_part"), "In part");
  assert.equal(dimensionLabel("event:props:plan"), "Property plan");
  assert.equal(dimensionLabel("visit:moon"), "visit:moon");
});

test("every tab shows a dimension and metrics that have labels", () => {
  for (const tab of PANELS.flatMap(({ tabs }) => tabs)) {
    assert.ok(tab.dimension in DIMENSIONS || tab.dimension.startsWith("event:props:"), tab.dimension);
    for (const name of [...tab.metrics, ...tab.more]) assert.ok(!metricOf(name).label.includes("_"), name);
  }
});

test("only money gets a currency", () => {
  assert.equal(inCurrency(metricOf("total_revenue"), "EUR").unit, "money EUR");
  assert.equal(inCurrency(metricOf("total_revenue"), null).unit, "money");
  assert.equal(inCurrency(metricOf("visitors"), "EUR").unit, "count");
});

test("every dimension is offered in one group", () => {
  const grouped = DIMENSION_GROUPS.flatMap(([, names]) => names);
  assert.deepEqual([...grouped].sort(), Object.keys(DIMENSIONS).sort());
});

test("a filter is described in words", () => {
  assert.deepEqual(describe(["is", "visit:country", ["DE", "FR"]]), {
    subject: "Country",
    operator: "is",
    values: "Germany or France",
  });
  assert.deepEqual(describe(["not", ["contains", "event:page", ["/a"]]]).operator, "not: contains");
  assert.equal(describe(["segment", "Buyers"]).values, "Buyers");
  assert.equal(describe(["and", []]).values, '["and",[]]');
});

test("steps of a funnel that cannot be read are none", () => {
  assert.deepEqual(stepsIn('[{"page":"/"}]'), [{ page: "/" }]);
  for (const text of [undefined, "", "{}", "nonsense"]) assert.deepEqual(stepsIn(text), []);
});

test("each shortcut has one key", () => {
  const keys = SHORTCUTS.map(([key]) => key);
  assert.equal(new Set(keys).size, keys.length);
});

test("cells are read by the names of their columns", () => {
  const columns = ["name", "reached", "path"].map((name) => ({ name, type: "text", description: "" }));
  const row = ["Cart", "7", ["page /", "end"]];
  const records = new Records({ report: "funnel", columns, rows: [row], meta: { complete_until: null } });
  assert.deepEqual([records.text(row, "name"), records.number(row, "reached")], ["Cart", 7]);
  assert.deepEqual(records.texts(row, "path"), ["page /", "end"]);
  assert.deepEqual([records.number(row, "absent"), records.text(row, "absent"), records.texts(row, "name")], [null, "", []]);
});
