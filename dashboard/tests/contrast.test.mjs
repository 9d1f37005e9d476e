// Bars, lines and marks have a contrast of at least 3 to 1 with what is behind them, text one of 4.5 to 1, in both themes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const STYLES = fileURLToPath(new URL("../src/styles/", import.meta.url));
const css = (name) => readFileSync(STYLES + name, "utf8");

/** The colours of a theme by name; the dark one changes those of the light one. */
function colours(selector) {
  const rules = css("tokens.css").split(/\n}/).filter((rule) => rule.includes(`${selector} {`));
  return Object.fromEntries(rules.flatMap((rule) => [...rule.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value])));
}

const light = colours(":root");
const THEMES = { light, dark: { ...light, ...colours(':root[data-theme="dark"]') } };

/** WCAG 2.2, relative luminance. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [more, less] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (more + 0.05) / (less + 0.05);
}

test("the contrast is that of WCAG", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.ok(Math.abs(contrast("#777777", "#ffffff") - 4.48) < 0.01);
});

for (const [theme, of] of Object.entries(THEMES)) {
  test(`bars and lines are seen in the ${theme} theme`, () => {
    // The lower edge of each bar, the lines of charts, and the marks of focus.
    for (const mark of ["line", "focus"]) {
      for (const ground of ["card", "ground", "raised"]) {
        assert.ok(contrast(of[mark], of[ground]) >= 3, `${mark} on ${ground}: ${contrast(of[mark], of[ground])}`);
      }
    }
  });

  test(`text is read in the ${theme} theme`, () => {
    for (const text of ["text", "muted", "good", "fair", "bad"]) {
      for (const ground of ["card", "ground", "raised"]) {
        assert.ok(contrast(of[text], of[ground]) >= 4.5, `${text} on ${ground}: ${contrast(of[text], of[ground])}`);
      }
    }
    assert.ok(contrast(of.text, of.bar) >= 4.5);
  });
}

test("every bar has that edge", () => {
  const rules = ["tables.css", "sequences.css", "people.css"].flatMap((name) => css(name).split("}").filter((rule) => /\.bar \{/.test(rule)));
  const drawn = rules.filter((rule) => /background: var\(--bar\)/.test(rule));
  assert.ok(drawn.length >= 2);
  for (const rule of drawn) assert.match(rule, /border-block-end: 2px solid var\(--line\)/);
});
