// What the set-up view finds, from what arrives and what the site's document says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Arrived, type Findings, SNIPPETS, allowsOrigin, checksOf, pageOf, snippetOf } from "../src/setup_checks";

const SETUP = { public_keys: ["key"], origins: [], unknown_consent: "full" };
const EVENT: Arrived = {
  id: "1",
  receivedAt: "2026-10-26T10:00:00Z",
  verdict: "accepted",
  name: "page_view",
  host: "shop.example",
  path: "/",
  consent: "full",
  sender: "Firefox",
  detail: "",
};
const titles = (findings: Partial<Findings>): readonly string[] =>
  checksOf({ setup: SETUP, page: "", collector: "https://app.example", arrived: [], answered: 0, stored: 0, ...findings }).map(
    ({ state, title }) => `${state} ${title}`,
  );

test("an address is read with and without its scheme", () => {
  assert.equal(pageOf("www.shop.example/a")?.href, "https://www.shop.example/a");
  assert.equal(pageOf(" http://localhost:3000 ")?.origin, "http://localhost:3000");
  for (const text of ["", "  ", "file:///a", "javascript:alert(1)", "https://", "a b"]) assert.equal(pageOf(text), null);
});

test("origins match as in the site's document", () => {
  const allowed = (origin: string) => allowsOrigin(["https://shop.example", "https://*.shop.example:8443"], origin);
  assert.deepEqual(
    ["https://shop.example", "https://a.b.shop.example:8443"].map(allowed),
    [true, true],
  );
  assert.deepEqual(
    ["http://shop.example", "https://www.shop.example", "https://shop.example:8443", "https://shopXexample", "https://x.shop.example.evil"].map(allowed),
    [false, false, false, false, false],
  );
  assert.equal(allowsOrigin([], "https://anything.example"), true);
});

test("without anything it waits, and says what was received but is not captured", () => {
  assert.deepEqual(titles({}), ["waiting Waiting for the first event"]);
  assert.deepEqual(titles({ answered: 5, stored: 3 }), ["waiting Received, not yet captured"]);
});

test("an event that is counted is good, whatever else arrived", () => {
  assert.deepEqual(titles({ arrived: [{ ...EVENT, verdict: "bot" }, EVENT] }), ["good Events arrive"]);
  const failed = { ...EVENT, verdict: "failed" as const, detail: "/name: is required" };
  assert.deepEqual(titles({ arrived: [EVENT, failed] }), ["good Events arrive", "note 1 of the newest 2 events failed"]);
});

test("only bots, and only failed events, are named", () => {
  assert.deepEqual(titles({ arrived: [{ ...EVENT, verdict: "bot" }] }), ["bad Only bots"]);
  assert.deepEqual(titles({ arrived: [{ ...EVENT, verdict: "failed" }] }), ["bad Only failed events"]);
});

test("a page whose origin may not send, and one whose browser blocks the collector, are named", () => {
  const setup = { ...SETUP, origins: ["https://shop.example"] };
  assert.deepEqual(titles({ setup, page: "https://shop.example/a", arrived: [EVENT] }), ["good Origin allowed", "good Events arrive"]);
  assert.deepEqual(titles({ setup, page: "other.example" }), ["bad Origin not allowed", "waiting Waiting for the first event"]);
  const mixed = titles({ page: "https://shop.example", collector: "http://app.example", arrived: [EVENT] });
  assert.equal(mixed[0], "bad Mixed content");
  assert.ok(!titles({ page: "https://shop.example", collector: "http://localhost:7071" }).includes("bad Mixed content"));
  assert.equal(titles({ page: "nonsense page" })[0], "bad Not an address");
});

test("a page of this machine is said to be left out, unless asked for", () => {
  for (const page of ["localhost:3000", "http://shop.localhost", "http://127.0.0.1:8080/a", "http://[::1]/"]) {
    assert.ok(titles({ page }).includes("note Left out by the script"), page);
  }
  assert.ok(!titles({ page: "https://localhost.shop.example" }).includes("note Left out by the script"));
});

test("events of another page do not count for the one that is checked", () => {
  const other = titles({ page: "https://other.example", arrived: [EVENT] });
  assert.deepEqual(other, ["waiting Waiting for the first event", "good Origin allowed"]);
});

test("a missing key and denied consent are named", () => {
  assert.equal(titles({ setup: { ...SETUP, public_keys: [] } })[0], "bad No public key");
  assert.deepEqual(titles({ arrived: [{ ...EVENT, consent: "denied" }] }), ["good Events arrive", "note Consent denied"]);
  assert.deepEqual(titles({ setup: { ...SETUP, unknown_consent: "denied" } }), [
    "waiting Waiting for the first event",
    "note Consent is denied until stated",
  ]);
});

test("the snippets are those of the documentation, with the collector and the key", () => {
  const text = readFileSync("../docs/frameworks.md", "utf8");
  const documented = [...text.matchAll(/```\w+\n([\s\S]*?)\n```/g)].map(([, code]) => code);
  for (const { id } of SNIPPETS) {
    const code = snippetOf(id, "https://APP/", "KEY");
    assert.ok(code.includes("https://APP/") && !code.includes("APP//") && code.includes("KEY"), code);
    if (id !== "curl") assert.ok(documented.includes(code), code);
  }
});
