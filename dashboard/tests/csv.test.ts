// Files that the dashboard writes itself. The API's own follow the same cases (tests/unit/dashboard).
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf } from "../src/csv";
import cells from "./csv_cells.json";

test("each cell is written as the API writes it, and none starts a formula", async () => {
  for (const [value, cell] of cells as [string | number | null, string][]) {
    assert.equal(await csvOf(["value", "count"], [[value, 1]]).text(), `value,count\r\n${cell},1\r\n`, JSON.stringify(value));
  }
});

test("names of columns follow the same rule", async () => {
  assert.equal(await csvOf(["=plan", "visitors"], []).text(), "'=plan,visitors\r\n");
});
