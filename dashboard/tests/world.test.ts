// The outlines of countries.
import assert from "node:assert/strict";
import { test } from "node:test";
import { valueLabel } from "../src/format";
import world from "../src/world.json";

test("each country has a code with a name, and a path", () => {
  const outlines = Object.entries(world);
  assert.ok(outlines.length > 165);
  for (const [code, path] of outlines) {
    assert.ok(/^[A-Z]{2}$/.test(code) && valueLabel("visit:country", code) !== code, code);
    assert.match(path, /^(M\d+ \d+l(-?\d+[ -]\d+ ?)+[\d -]*z)+$/);
  }
  for (const code of ["DE", "US", "RU", "FJ", "FR", "NO"]) assert.ok(Object.hasOwn(world, code), code);
});
