// Numbers, times and values as they are shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatChange, formatDuration, formatMoment, formatNumber, formatTick, localText, longTimeLabel, rangeLabel, sentence, timeLabel, today, valueLabel } from "../src/format";

test("numbers, times and values are shown as people write them", () => {
  assert.deepEqual(
    [formatNumber(9999, "count", true), formatNumber(12345, "count", true), formatNumber(12345, "count"), formatNumber(null, "count")],
    ["9,999", "12.3k", "12,345", "–"],
  );
  assert.deepEqual([formatNumber(29.459, "percent"), formatNumber(2.9057, "ratio"), formatDuration(109.27), formatDuration(3725), formatDuration(7)], [
    "29.5%", "2.91", "1m 49s", "1h 2m", "7s",
  ]);
  assert.equal(valueLabel("visit:country", "DE"), "Germany");
  assert.equal(valueLabel("visit:country", "(not set)"), "Unknown");
  assert.equal(valueLabel("visit:country", "(fewer than 5)"), "(fewer than 5)");
  assert.deepEqual(["desktop", "tv"].map((value) => valueLabel("visit:device", value)), ["Desktop", "tv"]);
  assert.equal(valueLabel("visit:screen", "md"), "768 to 991 px");
  assert.equal(valueLabel("visit:country", "<b>"), "<b>");
  assert.equal(timeLabel("time:hour", "2026-10-25T02:00:00+01:00"), "02:00");
  assert.match(rangeLabel("2026-03-01", "2026-03-07"), /^1\s?–\s?7 Mar 2026$/u);
  assert.equal(localText("2026-03-29T01:30:00Z", "Europe/Berlin"), "2026-03-29T03:30:00");
});

test("money has its currency and as many digits as the currency", () => {
  assert.deepEqual(
    [formatNumber(1234.5, "money EUR"), formatNumber(1234, "money JPY"), formatNumber(1234.5, "money"), formatNumber(12_345, "money EUR", true)],
    ["€1,234.50", "JP¥1,234", "1,234.50", "€12.3k"],
  );
});

test("a change is a whole percentage without its sign, and a small one is never 0%", () => {
  assert.deepEqual([-12.6, 0, 0.2, -0.2, 1234].map((percent) => formatChange(percent, "count")), ["13%", "0%", "1%", "1%", "1,234%"]);
});

test("the change of a rate is in percentage points", () => {
  assert.deepEqual([7.24, -0.5, 0].map((points) => formatChange(points, "percent")), ["7.2 pp", "0.5 pp", "0 pp"]);
});

test("percentages have one digit, and a small share is not 0", () => {
  const percentages = [22, 42.94, 0, 0.034, 0.1, 100].map((value) => formatNumber(value, "percent"));
  assert.deepEqual(percentages, ["22.0%", "42.9%", "0.0%", "<0.1%", "0.1%", "100.0%"]);
  assert.deepEqual([formatTick(20, "percent"), formatTick(20_000, "count")], ["20%", "20k"]);
});

test("a message becomes one sentence", () => {
  assert.deepEqual([sentence("no such site"), sentence("Ready!"), sentence("")], ["No such site.", "Ready!", "."]);
});

test("long labels name the year, and a week its first day", () => {
  assert.equal(longTimeLabel("time:week", "2026-03-02"), "Week of 2 Mar 2026");
  assert.equal(longTimeLabel("time:month", "2026-03-01"), "March 2026");
  assert.equal(longTimeLabel("time:quarter", "2026-Q1"), "2026-Q1");
});

test("moments are shown by the clock of the site", () => {
  assert.match(formatMoment("2026-03-29T01:30:00Z", "Europe/Berlin"), /^29 Mar 2026,? (at )?03:30$/);
  assert.match(today("Pacific/Kiritimati"), /^\d{4}-\d\d-\d\d$/);
});
