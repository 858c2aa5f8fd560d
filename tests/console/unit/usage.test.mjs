// Reports of the page Usage: their days, parameters and series.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as reports from "../../../crates/console/assets/pages/usage/report.js";
import { seriesByDay, seriesByKey, topRows } from "../../../crates/console/assets/pages/usage/series.js";
import { addRows, NOTHING } from "../../../crates/console/assets/pages/usage/sums.js";

/** Still 30 November in UTC, and already 1 December in Berlin. */
const NOW = Date.parse("2026-11-30T23:30:00Z");

const reportOf = (query) => reports.reportOf(new URLSearchParams(query), NOW);
const row = (id, calls, more = {}) => ({ key_id: id, name: null, calls, units: 2 * calls, refused: 1, from: "2026-11-01", to: "2026-11-30", ...more });

test("an address without days is the current month, to date", () => {
  const report = reportOf("");
  assert.equal(report.month, "2026-11");
  assert.deepEqual(reports.parametersOf(report, NOW), { from: "2026-11-01", to: undefined, by: undefined, plan: "", group: "", time_zone: "" });
});

test("the current month is that of the time zone", () => {
  assert.equal(reportOf("zone=Europe/Berlin").month, "2026-12");
  assert.equal(reportOf("zone=Nowhere/Land").month, "2026-11");
  assert.equal(reports.parametersOf(reportOf("zone=Europe/Berlin"), NOW).from, "2026-12-01");
});

test("an earlier month has all its days", () => {
  assert.deepEqual(reports.daysOf(reportOf("month=2026-02"), NOW), { from: "2026-02-01", to: "2026-02-28" });
  assert.deepEqual(reports.daysOf(reportOf("month=2024-02"), NOW), { from: "2024-02-01", to: "2024-02-29" });
});

test("other days need both ends, and invalid values are ignored", () => {
  const days = reportOf("from=2026-10-05&to=2026-11-04&by=day&plan=pro&group=team");
  assert.deepEqual(reports.parametersOf(days, NOW), { from: "2026-10-05", to: "2026-11-04", by: "day", plan: "pro", group: "team", time_zone: "" });
  for (const query of ["from=2026-10-05", "month=2026-13", "by=week", "from=x&to=y"]) {
    assert.deepEqual(reportOf(query), reportOf(""), query);
  }
});

test("the choice has 13 months, across the turn of the year", () => {
  const months = reports.months("", Date.parse("2026-01-31T12:00:00Z"));
  assert.deepEqual([months.length, months[0], months[1], months.at(-1)], [13, "2026-01", "2025-12", "2025-01"]);
});

test("files are named by their days and rows", () => {
  assert.equal(reports.fileName(reportOf("")), "tollgate-usage-2026-11.csv");
  assert.equal(reports.fileName(reportOf("from=2026-10-05&to=2026-11-04&by=day")), "tollgate-usage-2026-10-05-to-2026-11-04-by-day.csv");
});

test("the time zone of a plan is its own or that of all its quotas", () => {
  assert.equal(reports.zoneOf({ time_zone: "Asia/Tokyo", quotas: [{ time_zone: "Europe/Berlin" }] }), "Asia/Tokyo");
  assert.equal(reports.zoneOf({ quotas: [{ time_zone: "Europe/Berlin" }, { time_zone: "Europe/Berlin" }] }), "Europe/Berlin");
  assert.equal(reports.zoneOf({ quotas: [{ time_zone: "Europe/Berlin" }, {}] }), "UTC");
  assert.equal(reports.zoneOf({}), "UTC");
});

test("rows are added up, and keys with calls are counted", () => {
  assert.deepEqual(addRows(NOTHING, [row("a", 3), row("b", 0)]), { keys: 2, active: 1, calls: 3, units: 6, refused: 2 });
});

test("days of a key are one row, apart from a deleted key of the same id", () => {
  const items = [row("a", 1), row("a", 2), row("a", 5, { deleted_at: "2026-11-02T00:00:00Z" })];
  assert.deepEqual(topRows(items).map(({ calls, refused }) => [calls, refused]), [[3, 2], [5, 1]]);
  assert.equal(items[0].calls, 1, "the items are not changed");
});

test("the chart by day has four keys of its own and the others together", () => {
  const items = [...Array(6).keys()].flatMap((index) => ["2026-11-02", "2026-11-01"].map((day) => row(`k${index}`, index, { from: day, to: day })));
  const { x, series } = seriesByDay(items, topRows(items));
  assert.deepEqual(x, ["2026-11-01", "2026-11-02"]);
  assert.deepEqual(series.map(({ label }) => label), ["k0", "k1", "k2", "k3", "2 other keys"]);
  assert.deepEqual(series[4].values, [9, 9]);
});

test("the chart by key names keys by their name", () => {
  const { x, series } = seriesByKey([row("a", 1, { name: "Acme" }), row("b", 2)]);
  assert.deepEqual([x, series[0].values, series[1].values], [["Acme", "b"], [1, 2], [1, 1]]);
});
