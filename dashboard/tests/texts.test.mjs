// Every text that a reader sees is in the catalogue, and every language has each of them.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));
// Attributes and properties whose texts are shown or read out.
const SHOWN = /^(aria-label|aria-valuetext|title|placeholder|label|heading|text|hint|alt|empty|name)$/;
// Names of kinds, ids and formats, and parts of code that is copied.
const NOT_WORDS = [/^[a-z0-9_.:#/-]*$/, /^https:\/\/APP$/, /^https:\/\/www\.example\.com\/$/];

/** The texts in a source file that are written where a reader sees them. */
function textsIn(file, source) {
  const found = [];
  const isText = (text) => /\p{L}{2}/u.test(text) && !NOT_WORDS.some((form) => form.test(text.trim()));
  const strings = (node) => {
    if (ts.isStringLiteralLike(node)) return [node.text];
    if (ts.isTemplateExpression(node)) return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
    if (ts.isConditionalExpression(node)) return [...strings(node.whenTrue), ...strings(node.whenFalse)];
    if (ts.isBinaryExpression(node)) return [...strings(node.left), ...strings(node.right)];
    if (ts.isJsxExpression(node)) return node.expression ? strings(node.expression) : [];
    if (ts.isParenthesizedExpression(node)) return strings(node.expression);
    return [];
  };
  const visit = (node) => {
    const isNamed = ts.isJsxAttribute(node) || ts.isPropertyAssignment(node);
    if (ts.isJsxText(node)) found.push(node.text.trim());
    else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) found.push(...strings(node));
    else if (isNamed && SHOWN.test(node.name.text ?? node.name.getText()) && node.initializer) found.push(...strings(node.initializer));
    else if (ts.isCallExpression(node) && /^(announce|alert)$/.test(node.expression.getText())) found.push(...node.arguments.flatMap(strings));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true));
  return found.filter(isText);
}

const sources = () => readdirSync(SOURCE).filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"));

test("no text is outside the catalogue", () => {
  // Names are the same in every language.
  const names = new Set(["Clickstream", "CSV", "SQL", "Shift", "Ctrl"]);
  const outside = sources().flatMap((name) => textsIn(name, readFileSync(join(SOURCE, name), "utf8")).map((text) => `${name}: ${text}`));
  assert.deepEqual(outside.filter((line) => !names.has(line.split(": ")[1])), []);
});

test("a text anywhere else would be found", () => {
  const found = (source) => textsIn("a.tsx", source);
  assert.deepEqual(found(`<p>Some words</p>`), ["Some words"]);
  assert.deepEqual(found(`<p title="Some words" class="card panel" />`), ["Some words"]);
  assert.deepEqual(found("<p aria-label={`Remove ${name}`} />"), ["Remove"].map((text) => `${text} `));
  assert.deepEqual(found(`<p>{isOpen ? "Close it" : t.open}</p>`), ["Close it"]);
  assert.deepEqual(found(`<p>{error && "Not loaded"}</p>`), ["Not loaded"]);
  assert.deepEqual(found(`const tab = { id: "pages", label: "Pages" };`), ["Pages"]);
  assert.deepEqual(found(`announce("Copied"); go("Somewhere");`), ["Copied"]);
});
