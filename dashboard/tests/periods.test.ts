// Ranges of time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dateRange, daysIn, daysOf, isLong, isPresent, isRunning, periodOfLabel, periodsOf, shifted, stepsOf } from "../src/periods";

test("periods go back and forth by their own length", () => {
  const march: [string, string] = ["2026-03-01T00:00:00+01:00", "2026-03-31T23:59:59+02:00"];
  const today = "2026-05-20";
  assert.equal(shifted(march, -1, today), "2026-01-29,2026-02-28");
  assert.equal(shifted(march, 1, today), "2026-04-01,2026-05-01");
  assert.equal(shifted(["2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z"], -1, today), "2025-12-31,2025-12-31");
});

test("no period begins in the future, and a range that ends today gets its name back", () => {
  const today = "2026-05-20";
  assert.equal(shifted(["2026-05-07T00:00:00Z", "2026-05-13T23:59:59Z"], 1, today), "7d");
  assert.equal(shifted(["2026-05-19T00:00:00Z", "2026-05-19T23:59:59Z"], 1, today), "day");
  assert.equal(shifted(["2026-05-20T00:00:00Z", "2026-05-20T23:59:59Z"], 1, today), null);
  assert.equal(shifted(["2026-05-12T00:00:00Z", "2026-05-17T23:59:59Z"], 1, today), "2026-05-18,2026-05-20");
  for (const period of ["day", "7d", "month", "all", "2026-05-01,2026-05-20", "2026-05-01,2026-06-01"]) {
    assert.equal(isPresent(period, today), true, period);
  }
  for (const period of ["yesterday", "2026-05-01,2026-05-19"]) assert.equal(isPresent(period, today), false, period);
});

test("a label of the axis covers its days within the period", () => {
  const range: [string, string] = ["2026-02-10T00:00:00Z", "2026-03-12T23:59:59Z"];
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

test("long periods are compared with the same days of the week unless chosen otherwise", () => {
  for (const period of ["28d", "month", "2026-01-01,2026-01-28"]) assert.equal(isLong(period), true, period);
  for (const period of ["day", "7d", "2026-01-01,2026-01-27"]) assert.equal(isLong(period), false, period);
});

test("a period is running until its last moment has passed", () => {
  assert.deepEqual(["day", "28d", "realtime", "all"].map(isRunning), [true, true, true, true]);
  assert.deepEqual(["yesterday", "2026-03-01,2026-03-02"].map(isRunning), [false, false]);
});

test("a range of dates is a list in a query, a named one its name", () => {
  assert.deepEqual([dateRange("7d"), dateRange("2026-03-01,2026-03-02")], ["7d", ["2026-03-01", "2026-03-02"]]);
});

test("days are counted by the calendar, also across a change of the clock", () => {
  assert.equal(daysIn(["2026-03-28T00:00:00+01:00", "2026-03-30T23:59:59+02:00"]), 3);
  assert.equal(daysIn(["2028-02-28", "2028-03-01"]), 3);
});

test("a share key opens no period of hours", () => {
  const names = (kind: "read" | "share") => periodsOf(kind).flat().map(({ name }) => name);
  assert.deepEqual(names("read").filter((name) => !names("share").includes(name)), ["24h", "realtime"]);
});

test("the days of a month, a year and of two dates need no answer of the server", () => {
  assert.deepEqual(daysOf("month", "2026-05-20"), ["2026-05-01", "2026-05-20"]);
  assert.deepEqual(daysOf("year", "2026-05-20"), ["2026-01-01", "2026-05-20"]);
  assert.deepEqual(daysOf("2026-03-01,2026-03-02", "2026-05-20"), ["2026-03-01", "2026-03-02"]);
  assert.deepEqual(["7d", "all"].map((period) => daysOf(period, "2026-05-20")), [null, null]);
});
