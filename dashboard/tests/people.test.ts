// The list of people in the address, the values of people, and a person's visits.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "../src/api";
import { amountsIn, membersIn, plainText } from "../src/field_value";
import { choicesAsText, choicesIn, peopleParameters } from "../src/people_choices";
import { visitsIn } from "../src/person_visits";
import { Records } from "../src/records";
import { addressOf, viewOf } from "../src/view";

const FIELDS = ["last_seen_at", "visits", "orders"];

test("every choice is readable in the address, and read from it again", () => {
  const chosen = { search: "ada", traits: [["plan", "pro, yearly"], ["100%", ""]], everybody: true, order: "visits", columns: ["visits", "traits.city"], offset: 50 } as const;
  const location = { pathname: "/dashboard", search: "", hash: "" };
  const address = addressOf({ ...viewOf(location), page: "people", choices: choicesAsText(chosen) }, location);
  assert.equal(address, "/dashboard?view=people&search=ada&traits=plan,pro%252C+yearly,100%2525,&everybody=yes&order=visits&columns=visits,traits.city&offset=50");
  assert.deepEqual(choicesIn(viewOf({ ...location, search: address.slice("/dashboard".length) }).choices, FIELDS), chosen);
  assert.deepEqual(peopleParameters("shop", chosen), { site_id: "shop", order: "visits", search: "ada", traits: '{"plan":"pro, yearly","100%":""}', known: "0" });
});

test("what is no choice has its default, and defaults are not in the address", () => {
  const odd = choicesIn({ traits: "plan", everybody: "1", order: "constructor", columns: "__proto__,password", offset: "-5" }, FIELDS);
  assert.deepEqual(odd, choicesIn({}, FIELDS));
  assert.deepEqual(Object.values(choicesAsText(odd)).filter(Boolean), []);
});

test("what is no object has no members, and amounts have their currency", () => {
  for (const text of ["", "null", "1", "{", '"a"']) assert.deepEqual(membersIn(text), {});
  assert.deepEqual(membersIn('{"a": {"b": [1]}}'), { a: { b: [1] } });
  assert.equal(plainText(membersIn('{"a": {"b": [1]}}')["a"]), '{"b":[1]}');
  assert.equal(amountsIn({ EUR: "12.5000", "(not set)": "3", "<b>": "1" }), "€12.50, 3.00 (not set), 1.00 <b>");
  assert.equal(amountsIn("much"), "");
});

test("events are grouped by visit, the newest visit first, and in it the oldest event", () => {
  const columns = ["visit", "event_id"].map((name) => ({ name, type: "text", description: "" }));
  const rows = [["v2", "e5"], [null, "e4"], ["v1", "e3"], [null, "e2"], ["v1", "e1"]];
  const visits = visitsIn(new Records({ columns, rows } as unknown as Report));
  assert.deepEqual(visits.map((events) => events.map((row) => row[1])), [["e5"], ["e4"], ["e1", "e3"], ["e2"]]);
});
