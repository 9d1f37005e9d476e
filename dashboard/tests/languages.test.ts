// The language of the page, and what each language has.
import assert from "node:assert/strict";
import { test } from "node:test";
import languages from "languages";
import { LANGUAGES, chosenLanguage } from "../src/texts";

test("the first preference with texts decides, and the browser's form of its numbers is kept", () => {
  assert.deepEqual(chosenLanguage(["de-AT", "en"]), { language: "de", locale: "de-AT" });
  assert.deepEqual(chosenLanguage([null, undefined, "fr-FR", "de", "en-US"]), { language: "de", locale: "de-DE" });
  assert.deepEqual(chosenLanguage(["de", "en-US", "de-CH"]), { language: "de", locale: "de-CH" });
  assert.deepEqual(chosenLanguage([]), { language: "en", locale: "en-GB" });
});

test("what is no language is passed over", () => {
  for (const text of ["", "constructor", "__proto__", "<script>", "en_US", "x-".repeat(50), "tlh"]) {
    assert.deepEqual(chosenLanguage([text]), { language: "en", locale: "en-GB" }, text);
  }
});

test("every file is a language with the same texts, none of them empty unless it is in English", () => {
  assert.deepEqual(LANGUAGES, [["de", "Deutsch"], ["en", "English"]]);
  const { en, ...others } = languages;
  const paths = (texts: object, path = ""): [string, unknown][] =>
    Object.entries(texts).flatMap(([name, text]) =>
      text !== null && typeof text === "object" ? paths(text, `${path}/${name}`) : [[`${path}/${name}`, text] as [string, unknown]],
    );
  const english = new Map(paths(en!));
  for (const [language, texts] of Object.entries(others)) {
    const own = new Map(paths(texts));
    for (const [path, text] of english) {
      assert.equal(typeof own.get(path), typeof text, `${language}${path}`);
      assert.equal(own.get(path) === "", text === "", `${language}${path}`);
      const filled = (of: unknown): string[] => (typeof of === "string" ? (of.match(/\{\w+\}/g) ?? []) : []).sort();
      assert.deepEqual(filled(own.get(path)), filled(text), `${language}${path}`);
    }
  }
});
