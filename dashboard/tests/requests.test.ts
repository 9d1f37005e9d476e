// What requests contain, by the view.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Site } from "../src/api";
import { comparisonOf, matchesWeekdays, openDimensions, opensProperties, opensTab, queryBase, reportBase, sequenceBase } from "../src/requests";
import { PANELS, ofTab } from "../src/panels";
import { DEFAULT_VIEW, type View } from "../src/view";

const view: View = { ...DEFAULT_VIEW, site: "shop", filters: [["is", "event:page", ["/"]]] };
const site: Site = { site: "shop", key_kind: "read", time_zone: "UTC", goals: [], funnels: [], segments: [] };

test("queries, reports and sequences ask about the same site, range and filters", () => {
  const filters = [["is", "event:page", ["/"]]];
  assert.deepEqual(queryBase({ ...view, period: "2026-03-01,2026-03-02" }), {
    site_id: "shop",
    date_range: ["2026-03-01", "2026-03-02"],
    filters,
  });
  assert.deepEqual(reportBase(view), { site_id: "shop", date_range: "28d", filters: JSON.stringify(filters) });
  assert.deepEqual(reportBase({ ...view, filters: [] }), { site_id: "shop", date_range: "28d" });
  assert.equal(sequenceBase(view)["filters"], JSON.stringify([["has_done", filters[0]]]));
});

test("a tab of an event asks about that event besides the filters, any other tab about the view", () => {
  const tab = (id: string) => PANELS.flatMap(({ tabs }) => tabs).find((one) => one.id === id)!;
  assert.deepEqual(ofTab(view, tab("downloads")).filters, [...view.filters, ["is", "event:name", ["file_download"]]]);
  assert.equal(ofTab(view, tab("pages")), view);
});

test("all time is compared with nothing, and other dates by themselves", () => {
  assert.deepEqual(comparisonOf({ ...view, period: "all" }), {});
  assert.deepEqual(comparisonOf({ ...view, comparing: "none" }), {});
  assert.deepEqual(comparisonOf({ ...view, comparing: "2026-01-01,2026-01-02" }), {
    comparisons: { mode: "custom", date_range: ["2026-01-01", "2026-01-02"] },
  });
  assert.deepEqual(comparisonOf(view), { comparisons: { mode: "previous_period", match_day_of_week: true } });
});

test("days of the week are matched for long periods unless the address says otherwise", () => {
  assert.deepEqual([matchesWeekdays(view), matchesWeekdays({ ...view, period: "7d" })], [true, false]);
  assert.equal(matchesWeekdays({ ...view, choices: { weekdays: "off" } }), false);
  assert.equal(matchesWeekdays({ ...view, period: "7d", choices: { weekdays: "on" } }), true);
});

test("a share key opens properties only if the site lists some", () => {
  assert.equal(opensProperties(site), true);
  assert.equal(opensProperties({ ...site, key_kind: "share" }), false);
  assert.equal(opensProperties({ ...site, key_kind: "share", shared_properties: ["plan"] }), true);
});

test("tabs of a property are there if the key opens that property", () => {
  const tabs = ["event:props:", "event:props:url", "event:props:id", "event:page"];
  const open = (of: Site) => tabs.filter((dimension) => opensTab(of, dimension));
  assert.deepEqual(open(site), tabs);
  assert.deepEqual(open({ ...site, key_kind: "share" }), ["event:page"]);
  assert.deepEqual(open({ ...site, key_kind: "share", shared_properties: ["url"] }), ["event:props:", "event:props:url", "event:page"]);
});

test("dimensions that the key does not open are not offered, nor is a group of none", () => {
  const offered = (closed: readonly string[]) => openDimensions({ ...site, key_kind: "share", closed_dimensions: closed });
  assert.deepEqual(offered([]), openDimensions(site));
  assert.equal(offered(["event:currency"]).some(([, names]) => names.includes("event:currency")), false);
  assert.equal(offered(["event:currency"]).length, openDimensions(site).length);
  assert.equal(offered(["person:id", "person:known"]).length, openDimensions(site).length - 1);
});
