// The first days of the periods of quotas.

import assert from "node:assert/strict";
import { test } from "node:test";

import { dayIn, firstDay, isSamePeriod } from "../../../crates/console/assets/pages/plans/periods.js";

const day = (quota, now) => firstDay(quota, new Date(now));

test("days and years start in the time zone of the quota", () => {
  assert.equal(day({ period: "day" }, "2026-11-30T23:30:00Z"), "2026-11-30");
  assert.equal(day({ period: "day", time_zone: "Europe/Berlin" }, "2026-11-30T23:30:00Z"), "2026-12-01");
  assert.equal(day({ period: "day", time_zone: "America/New_York" }, "2026-12-01T02:00:00Z"), "2026-11-30");
  assert.equal(day({ period: "year", time_zone: "Asia/Tokyo" }, "2026-12-31T20:00:00Z"), "2027-01-01");
  assert.equal(dayIn("UTC", new Date("2026-02-03T00:00:00Z")), "2026-02-03");
});

test("a time zone that the browser does not know has no first day", () => {
  assert.equal(day({ period: "day", time_zone: "Mars/Olympus" }, "2026-11-30T12:00:00Z"), undefined);
});

test("weeks start on the chosen day", () => {
  // 2026-11-30 is a Monday.
  assert.equal(day({ period: "week" }, "2026-11-30T12:00:00Z"), "2026-11-30");
  assert.equal(day({ period: "week" }, "2026-11-29T12:00:00Z"), "2026-11-23");
  assert.equal(day({ period: "week", starts_on: 7 }, "2026-11-30T12:00:00Z"), "2026-11-29");
  assert.equal(day({ period: "week", starts_on: 2 }, "2026-11-30T12:00:00Z"), "2026-11-24");
});

test("months start on the chosen day or on their last day", () => {
  assert.equal(day({ period: "month" }, "2026-11-30T12:00:00Z"), "2026-11-01");
  assert.equal(day({ period: "month", starts_on: 15 }, "2026-11-14T12:00:00Z"), "2026-10-15");
  assert.equal(day({ period: "month", starts_on: 15 }, "2026-01-14T12:00:00Z"), "2025-12-15");
  assert.equal(day({ period: "month", starts_on: 31 }, "2026-11-30T12:00:00Z"), "2026-11-30");
  assert.equal(day({ period: "month", starts_on: 31 }, "2026-03-01T12:00:00Z"), "2026-02-28");
  assert.equal(day({ period: "month", starts_on: 30 }, "2028-03-01T12:00:00Z"), "2028-02-29");
});

test("hours and totals have no first day", () => {
  assert.equal(day({ period: "hour" }, "2026-11-30T12:00:00Z"), undefined);
  assert.equal(day({ period: "total" }, "2026-11-30T12:00:00Z"), undefined);
});

test("defaults are the same period", () => {
  assert.ok(isSamePeriod({ period: "month" }, { period: "month", time_zone: "UTC", starts_on: 1, name: "billing" }));
  assert.ok(!isSamePeriod({ period: "month" }, { period: "month", starts_on: 2 }));
  assert.ok(!isSamePeriod({ period: "day" }, { period: "day", time_zone: "Asia/Tokyo" }));
});
