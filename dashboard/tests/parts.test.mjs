// What needs no page: addresses, periods, texts, files.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const parts = {};
for (const name of ["csv", "format", "periods", "view"]) {
  const entry = join(dirname(fileURLToPath(import.meta.url)), "..", "src", `${name}.ts`);
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
  Object.assign(parts, await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`));
}
const { START, addressOf, asValueFilter, csvOf, duration, localText, negated, ofWholeVisits } = parts;
const { periodOfLabel, rangeLabel, shifted, shown, stepsOf, timeLabel, valueLabel, viewOf, withFilter } = parts;

const place = (address) => {
  const { pathname, search, hash } = new URL(address, "http://localhost");
  return { pathname, search, hash };
};

test("an address holds the whole view, and a view the whole address", () => {
  const view = {
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

test("what is as at the start does not stand in the address", () => {
  assert.equal(addressOf(START, place("/dashboard")), "/dashboard");
  assert.deepEqual(viewOf(place("/dashboard")), START);
});

test("a share link keeps its site in its path and its key behind the #", () => {
  const link = place("/share/shop?period=7d#secret");
  const view = viewOf(link);
  assert.deepEqual([view.site, view.period], ["shop", "7d"]);
  assert.equal(addressOf({ ...view, period: "day" }, link), "/share/shop?period=day#secret");
});

test("an address that says nonsense shows the start", () => {
  for (const search of ["?filters=nonsense", "?filters={}", "?filters=[1,null]", "?view=nowhere&compare=apples"]) {
    assert.deepEqual(viewOf(place(`/dashboard${search}`)), START);
  }
});

test("a value chosen again takes the place of the one before, and turning round twice changes nothing", () => {
  const first = withFilter([["segment", "Buyers"]], ["is", "event:page", ["/"]]);
  const second = withFilter(first, ["is", "event:page", ["/cart"]]);
  assert.deepEqual(second, [["segment", "Buyers"], ["is", "event:page", ["/cart"]]]);
  for (const filter of second) assert.deepEqual(negated(negated(filter)), filter);
  assert.deepEqual(negated(second[1]), ["is_not", "event:page", ["/cart"]]);
  assert.equal(asValueFilter(["is_set", "visit:city"]), null);
});

test("questions about order choose whole visits by what they have done", () => {
  const filters = [["is", "event:goal", ["Buy"]], ["contains_not", "event:page", ["/x"]], ["is", "visit:os", ["iOS"]]];
  assert.deepEqual(ofWholeVisits(filters), [
    ["has_done", ["is", "event:goal", ["Buy"]]],
    ["has_not_done", ["contains", "event:page", ["/x"]]],
    ["is", "visit:os", ["iOS"]],
  ]);
});

test("periods go back and forth by their own length", () => {
  const march = ["2026-03-01T00:00:00+01:00", "2026-03-31T23:59:59+02:00"];
  assert.equal(shifted(march, -1), "2026-01-29,2026-02-28");
  assert.equal(shifted(march, 1), "2026-04-01,2026-05-01");
  assert.equal(shifted(["2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z"], -1), "2025-12-31,2025-12-31");
});

test("a label of the axis stands for the days it covers, within the period", () => {
  const range = ["2026-02-10T00:00:00Z", "2026-03-12T23:59:59Z"];
  assert.equal(periodOfLabel("time:month", "2026-02-01", range), "2026-02-10,2026-02-28");
  assert.equal(periodOfLabel("time:week", "2026-03-09", range), "2026-03-09,2026-03-12");
  assert.equal(periodOfLabel("time:day", "2026-03-01", range), "2026-03-01,2026-03-01");
  assert.equal(periodOfLabel("time:hour", "2026-03-01T05:00:00+00:00", range), "2026-03-01,2026-03-01");
  assert.equal(periodOfLabel("time:hour", "2026-03-01T05:00:00Z", ["2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z"]), null);
});

test("the longer a period, the longer the steps it is shown in", () => {
  assert.equal(stepsOf("realtime", null)[0], "time:minute");
  assert.equal(stepsOf("day", null)[0], "time:hour");
  assert.equal(stepsOf("28d", null)[0], "time:day");
  assert.equal(stepsOf("12mo", null)[0], "time:month");
  assert.equal(stepsOf("all", ["2026-03-01T00:00:00Z", "2026-03-02T23:59:59Z"])[0], "time:hour");
});

test("numbers, times and values are shown as people say them", () => {
  assert.deepEqual(
    [shown(9999, "count", true), shown(12345, "count", true), shown(12345, "count"), shown(null, "count")],
    ["9,999", "12.3k", "12,345", "–"],
  );
  assert.deepEqual([shown(29.459, "percent"), shown(2.9057, "ratio"), duration(109.27), duration(3725), duration(7)], [
    "29.5%", "2.91", "1m 49s", "1h 2m", "7s",
  ]);
  assert.equal(valueLabel("visit:country", "DE"), "Germany");
  assert.equal(valueLabel("visit:country", "(not set)"), "(not set)");
  assert.equal(valueLabel("visit:country", "<b>"), "<b>");
  assert.equal(timeLabel("time:hour", "2026-10-25T02:00:00+01:00"), "02:00");
  assert.match(rangeLabel("2026-03-01", "2026-03-07"), /^1\s?–\s?7 Mar 2026$/u);
  assert.equal(localText("2026-03-29T01:30:00Z", "Europe/Berlin"), "2026-03-29T03:30:00");
});

test("a file holds texts as they are, and no formula", async () => {
  const file = csvOf(["plan", "visitors"], [["=1+1", 2], ['a "b", c', null], ["-x", -3.5], ["@y\nz", 0]]);
  assert.equal(await file.text(), `plan,visitors\r\n'=1+1,2\r\n"a ""b"", c",\r\n'-x,-3.5\r\n"'@y\nz",0\r\n`);
});
