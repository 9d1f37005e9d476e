// Flags by the code of a country.
import assert from "node:assert/strict";
import { test } from "node:test";
import { flagOf } from "../src/marks";

test("only a code of two letters has a flag", () => {
  assert.equal(flagOf("DE"), "🇩🇪");
  for (const text of ["", "de", "DEU", "(not set)", "<b>", "D1"]) assert.equal(flagOf(text), "", text);
});
