// Flags by the code of a country, and letters by the name of a source.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { flagOf } from "../src/marks";
import { KNOWN_SOURCES, markOfSource } from "../src/source_marks";

test("only a code of two letters has a flag", () => {
  assert.equal(flagOf("DE"), "🇩🇪");
  for (const text of ["", "de", "DEU", "(not set)", "<b>", "D1"]) assert.equal(flagOf(text), "", text);
});

test("a source has its first letter, and a known one its colour", () => {
  assert.deepEqual(markOfSource("Google"), { letter: "G", colour: "#1a63c9" });
  assert.deepEqual(markOfSource("news.example"), { letter: "N", colour: null });
  assert.deepEqual(markOfSource("360 Search"), { letter: "3", colour: null });
  for (const text of ["", "(direct)", "(not set)", "<b>"]) assert.equal(markOfSource(text), null, text);
});

test("known sources are in the list of sources, and white is readable on their colours", () => {
  const list = readFileSync("../clickstream/enriching/data/sources.yaml", "utf8");
  const light = (part: string): number => {
    const share = parseInt(part, 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  for (const [name, colour] of KNOWN_SOURCES) {
    assert.ok(new RegExp(`name: ["']?${name}["']?[,\\n]`).test(list), name);
    const [red, green, blue] = [1, 3, 5].map((at) => light(colour.slice(at, at + 2))) as [number, number, number];
    const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    assert.ok(1.05 / (luminance + 0.05) >= 4.5, `${name} ${colour}`);
  }
});
