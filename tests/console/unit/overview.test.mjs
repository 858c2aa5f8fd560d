// Figures derived from an overview, and what its charts draw.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DECIMAL_STEPS, WHOLE_STEPS, labelTexts, timeTexts } from "../../../crates/console/assets/components/chart/axis.js";
import { callerText } from "../../../crates/console/assets/components/refusals/caller_text.js";
import { sumOf } from "../../../crates/console/assets/components/chart/legend.js";
import { columnsOf, drawOrder } from "../../../crates/console/assets/components/chart/plot.js";
import { milliseconds } from "../../../crates/console/assets/app/format.js";
import * as figures from "../../../crates/console/assets/pages/overview/figures.js";
import { pathOf, reduce } from "../../../crates/console/assets/pages/overview/sparkline.js";
import { NOW, overviewOf } from "../overview_data.mjs";

test("the current rate is that of the last seconds, also in the step in progress", () => {
  // The last point began 2 s before the figures were read, the one before 7 s.
  const overview = overviewOf((index) => (index >= 178 ? { requests: 14 } : { requests: 1_000 }));
  assert.equal(figures.currentRate(overview), 4);
  assert.equal(figures.currentRate(overviewOf(() => ({}))), 0);
});

test("the current rate of long steps is that of the last two", () => {
  const overview = overviewOf((index) => ({ requests: index >= 178 ? 600 : 0 }), { step_s: 300 });
  assert.ok(Math.abs(figures.currentRate(overview) - 1_200 / 302) < 0.001);
});

test("the average begins when the counting began", () => {
  const overview = overviewOf(() => ({ requests: 1 }), { from: "2026-11-30T09:26:07Z" });
  assert.equal(figures.averageRate(overview), 180 / 900);
  assert.equal(figures.averageRate({ ...overview, counted_since: "2026-11-30T09:40:07Z" }), 3);
  assert.equal(figures.averageRate({ ...overview, counted_since: NOW }), 180);
});

test("a trend compares the recent share with the one before", () => {
  const trend = (throttled) => figures.trendOf(overviewOf((index) => ({ requests: 10, throttled: throttled(index) })), "throttled", 300);
  assert.equal(trend((index) => (index >= 120 ? 5 : 1)).direction, "up");
  assert.equal(trend((index) => (index >= 120 ? 0 : 1)).direction, "down");
  assert.deepEqual(trend(() => 1), { recent: 0.1, before: 0.1, direction: "same" });
});

test("a trend without requests before has no direction", () => {
  const overview = overviewOf((index) => (index >= 120 ? { requests: 2, throttled: 1 } : {}));
  assert.deepEqual(figures.trendOf(overview, "throttled", 300), { recent: 0.5, before: undefined });
});

test("outcomes of a point add up to its requests", () => {
  const point = { requests: 10, throttled: 3, unauthorized: 2, forbidden: 1, server_errors: 1 };
  assert.equal(figures.succeeded(point), 3);
  assert.equal(figures.succeeded({ ...point, requests: 5 }), 0);
});

test("charts begin where the counting began, with 60 points at least", () => {
  const overview = overviewOf(() => ({}));
  const first = (since) => figures.countedPoints({ ...overview, counted_since: since })[0].at;
  assert.equal(first(undefined), overview.points[0].at);
  assert.equal(first("2026-11-30T09:00:00Z"), overview.points[0].at);
  assert.equal(first("2026-11-30T09:31:07Z"), overview.points[59].at);
  assert.equal(first(NOW), overview.points[120].at);
});

test("an unknown range is the default", () => {
  assert.equal(figures.rangeOf("1d").title, "24 hours");
  assert.equal(figures.rangeOf("1y").name, "15m");
});

test("stacked bars are drawn from the sum down to the first series", () => {
  const series = [
    { label: "a", kind: "bar", values: [1, 2] },
    { label: "b", kind: "bar", values: [3, null] },
    { label: "limit", kind: "limit", values: [9, 9] },
  ];
  assert.deepEqual(drawOrder(series, true), [1, 0, 2]);
  assert.deepEqual(columnsOf({ x: ["x", "y"], xKind: "label", series, isStacked: true }), [[0, 1], [4, null], [1, 2], [9, 9]]);
  assert.deepEqual(columnsOf({ x: [0, 60_000], xKind: "time", series: series.slice(0, 1) }), [[0, 60], [1, 2]]);
});

test("axes name the day where it changes", () => {
  const midnight = new Date(2026, 10, 30).getTime() / 1_000;
  const [before, after] = timeTexts([midnight - 3_600, midnight], 3_600);
  assert.doesNotMatch(before, /\n/);
  assert.match(after, /\n.*30/);
  assert.match(timeTexts([midnight], 86_400)[0], /30/);
});

test("labels of an axis are shortened and only at whole positions", () => {
  assert.deepEqual(labelTexts([0, 0.5, 1, 2], ["a", "a very long name of a key"]), ["a", "", "a very long n…", ""]);
  assert.deepEqual(WHOLE_STEPS.slice(0, 5), [1, 2, 5, 10, 20]);
});

test("a small line has gaps where there is no value", () => {
  assert.equal(pathOf([0, null, 1]), "M0.0 23.0M120.0 1.0");
  assert.deepEqual(reduce([1, 3, null, null, 5], 3), [2, null, 5]);
  assert.deepEqual(reduce([], 3), []);
});

test("labels that begin alike keep their ends", () => {
  const labels = ["Donaudampfschiff-0001", "Donaudampfschiff-0002", "Short"];
  assert.deepEqual(labelTexts([0, 1, 2], labels), ["Donaudam…-0001", "Donaudam…-0002", "Short"]);
});

test("the steps of an axis are exact in their text", () => {
  for (const step of DECIMAL_STEPS.filter((value) => value < 1)) {
    assert.equal(milliseconds(step).replace(",", "."), `${step} ms`);
  }
});

test("the sum of bars is unknown only if all values are", () => {
  assert.equal(sumOf([1, null, 2]), 3);
  assert.equal(sumOf([0, undefined]), 0);
  assert.equal(sumOf([null, undefined]), null);
});

test("figures that were not read are null, and the rate is unknown", () => {
  const read = overviewOf(() => ({}));
  assert.equal(figures.knownFigures(read), read);
  const unknown = figures.knownFigures({ ...read, unknown: ["traffic"] });
  assert.deepEqual([unknown.totals.requests, unknown.points[0].server_errors], [null, null]);
  assert.equal(figures.currentRate(unknown), undefined);
  assert.equal(figures.succeeded(unknown.points[0]), null);
});

test("callers without a key are short, and say what they are", () => {
  assert.equal(callerText(`sub#${"8b93ed44c11f".padEnd(64, "0")}`), "token subject 8b93ed44c11f…");
  assert.equal(callerText("ip#203.0.113.7"), "ip 203.0.113.7");
  assert.equal(callerText("other"), "other");
});
