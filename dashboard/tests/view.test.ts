// Addresses and filters.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_VIEW, type View, addressOf, asValueFilter, choicesOfPerson, negated, ofOwnPeriod, ofWholeVisits, viewOf, withFilter, withMoreValues, withOwnPeriod } from "../src/view";

const place = (address: string) => {
  const { pathname, search, hash } = new URL(address, "http://localhost");
  return { pathname, search, hash };
};

test("an address holds the whole view, and a view the whole address", () => {
  const view: View = {
    site: "shop",
    page: "visits",
    period: "2026-03-01,2026-03-31",
    comparing: "year_over_year",
    filters: [["is", "event:page", ["/a,b", 'c"d', "ü&=#"]], ["not", ["is_set", "visit:city"]], ["segment", "Buyers"]],
    choices: { sources: "campaigns", metric: "visits" },
  };
  const address = addressOf(view, place("/dashboard"));
  assert.deepEqual(viewOf(place(address)), view);
  assert.equal(addressOf(viewOf(place(address)), place(address)), address);
});

test("filters are readable in an address, whatever their values are", () => {
  const filters = [
    ["is", "event:page", ["/", "/bags"]],
    ["contains_not", "event:props:plan", ["50%, or 1,5%2C"]],
    ["is", "visit:source", [""]],
    ["is", "event:unknown", ["a"]],
    ["has_done", ["is", "event:goal", ["Buy"]]],
    ["is", "event:page", [7]],
  ];
  const address = addressOf({ ...DEFAULT_VIEW, filters }, place("/dashboard"));
  assert.ok(address.startsWith("/dashboard?f=is,page,/,/bags&f=contains_not,props:plan,"), address);
  assert.deepEqual(viewOf(place(address)).filters, filters);
});

test("an address of the older form keeps its filters", () => {
  const filters = [["is", "event:page", ["/a"]], ["segment", "Buyers"]];
  const { filters: read } = viewOf(place(`/dashboard?filters=${encodeURIComponent(JSON.stringify(filters))}`));
  assert.deepEqual(read, filters);
});

test("a value is added to those of the same filter, once", () => {
  const two = withMoreValues([["is", "event:page", ["/"]], ["segment", "Buyers"]], ["is", "event:page", ["/cart"]]);
  assert.deepEqual(two, [["segment", "Buyers"], ["is", "event:page", ["/", "/cart"]]]);
  assert.deepEqual(withMoreValues(two, ["is", "event:page", ["/"]]), two);
});

test("what equals the default is not in the address", () => {
  assert.equal(addressOf(DEFAULT_VIEW, place("/dashboard")), "/dashboard");
  assert.deepEqual(viewOf(place("/dashboard")), DEFAULT_VIEW);
});

test("a share link keeps its site in its path and its key behind the #", () => {
  const link = place("/share/shop?period=7d#secret");
  const view = viewOf(link);
  assert.deepEqual([view.site, view.period], ["shop", "7d"]);
  assert.equal(addressOf({ ...view, period: "day" }, link), "/share/shop?period=day#secret");
});

test("an address that cannot be read shows the default view", () => {
  for (const search of ["?filters=nonsense", "?filters={}", "?f=is", "?f=is,page", "?f=[", "?f=was,page,x", "?filters=[1,null]", "?view=nowhere&compare=apples"]) {
    assert.deepEqual(viewOf(place(`/dashboard${search}`)), DEFAULT_VIEW);
  }
});

test("another value replaces the one before, and inverting twice changes nothing", () => {
  const first = withFilter([["segment", "Buyers"]], ["is", "event:page", ["/"]]);
  const second = withFilter(first, ["is", "event:page", ["/cart"]]);
  assert.deepEqual(second, [["segment", "Buyers"], ["is", "event:page", ["/cart"]]]);
  for (const filter of second) assert.deepEqual(negated(negated(filter)), filter);
  assert.deepEqual(negated(second[1]!), ["is_not", "event:page", ["/cart"]]);
  assert.equal(asValueFilter(["is_set", "visit:city"]), null);
});

test("sequences select whole visits by the events that they have", () => {
  const filters = [["is", "event:goal", ["Buy"]], ["contains_not", "event:page", ["/x"]], ["is", "visit:os", ["iOS"]]];
  assert.deepEqual(ofWholeVisits(filters), [
    ["has_done", ["is", "event:goal", ["Buy"]]],
    ["has_not_done", ["contains", "event:page", ["/x"]]],
    ["is", "visit:os", ["iOS"]],
  ]);
});

test("a person's page has a period of its own, which is all time at first", () => {
  const list: View = { ...DEFAULT_VIEW, page: "people", period: "7d" };
  const person = { ...list, choices: choicesOfPerson(list.choices, "ada") };
  assert.equal(withOwnPeriod(list).period, "7d");
  assert.equal(withOwnPeriod(person).period, "all");
  const changed = { ...person, ...ofOwnPeriod(person, { period: "month" }) };
  assert.deepEqual([withOwnPeriod(changed).period, changed.period], ["month", "7d"]);
  assert.equal(withOwnPeriod({ ...changed, choices: choicesOfPerson(changed.choices, "bob") }).period, "all");
  // To another page the change is that page's.
  assert.deepEqual(ofOwnPeriod(person, { page: "overview", period: "realtime" }), { page: "overview", period: "realtime" });
});
