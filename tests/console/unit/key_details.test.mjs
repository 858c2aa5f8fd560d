// The pure modules of the page of a key.

import assert from "node:assert/strict";
import { test } from "node:test";

import { duration } from "../../../crates/console/assets/app/duration.js";
import { amountMistake, idleGrants } from "../../../crates/console/assets/app/grants.js";
import { compareLimits, planNotes } from "../../../crates/console/assets/app/plan_comparison.js";
import { limitsOf, parseItems } from "../../../crates/console/assets/app/rate_limit.js";
import { grantedByQuota, rowsOf } from "../../../crates/console/assets/pages/key_details/window_rows.js";

test("the fields of a decision have a limit each", () => {
  const decision = {
    ratelimit_policy: '"burst";q=5;w=5, "day";q=100;w=86400, "total";q=9',
    ratelimit: '"burst";r=2;t=1, "day";r=97;t=82843, "total";r=9',
  };
  assert.deepEqual(limitsOf(decision), [
    { name: "burst", limit: 5, windowS: 5, remaining: 2, resetS: 1 },
    { name: "day", limit: 100, windowS: 86400, remaining: 97, resetS: 82843 },
    { name: "total", limit: 9, windowS: undefined, remaining: 9, resetS: undefined },
  ]);
});

test("names of limits may contain separators and quotes", () => {
  assert.deepEqual(parseItems('"a;q=1, \\"b\\"";q=7'), [{ name: 'a;q=1, "b"', parameters: { q: 7 } }]);
  assert.deepEqual(limitsOf({}), []);
});

test("plans are compared limit by limit", () => {
  const from = {
    throttle: { rate: 1, burst: 5 },
    quotas: [
      { limit: 100, period: "day" },
      { limit: 9, period: "week" },
    ],
  };
  const to = {
    throttle: { rate: 2, burst: 5 },
    quotas: [
      { limit: 50, period: "day" },
      { limit: 1, period: "total" },
    ],
  };
  assert.deepEqual(changes(from, to), {
    Rate: "higher",
    Burst: "same",
    "Quota day": "lower",
    "Quota week": "removed",
    "Quota total": "new",
  });
});

test("quotas of one period are compared by their names, and other periods are other limits", () => {
  const day = { limit: 10, period: "day" };
  const tokyo = { limit: 5, period: "day", name: "tokyo", time_zone: "Asia/Tokyo" };
  assert.deepEqual(changes({ quotas: [day, tokyo] }, { quotas: [day] }), {
    "Quota day": "same",
    "Quota tokyo": "removed",
  });
  const moved = { ...day, time_zone: "Asia/Tokyo" };
  assert.deepEqual(changes({ quotas: [day] }, { quotas: [moved] }), { "Quota day": "other" });
});

test("small rates are compared and shown with their digits", () => {
  const plan = (rate) => ({ throttle: { rate, burst: 1 } });
  const [row] = compareLimits(plan(0.0001), plan(0.0004));
  assert.equal(row.change, "higher");
  assert.match(row.before, /0[.,]0001 per s/);
});

test("the notes of a plan say whether and for whom its limits apply", () => {
  assert.deepEqual(planNotes({}), []);
  assert.equal(planNotes({ enabled: false, shadow: true, shared_by_plan: true }).length, 3);
});

test("a quota that allows more calls is higher than any number", () => {
  const from = { quotas: [{ limit: 100, period: "day" }] };
  const to = { quotas: [{ limit: 10, period: "day", overage: "allow" }] };
  assert.deepEqual(changes(from, to), { "Quota day": "higher" });
});

/** Returns what changes in each limit. */
function changes(from, to) {
  return Object.fromEntries(compareLimits(from, to).map(({ name, change }) => [name, change]));
}

const DAY = { name: "day", limit: 10, period: "day", usage: [20, 0], ends_at: "2026-12-01T00:00:00Z" };

test("granted calls are those that the limit contains, not the usage beyond it", () => {
  const decision = (limit) => ({ ratelimit_policy: `"day";q=${limit};w=86400`, ratelimit: '"day";r=0' });
  const row = (live) => rowsOf({ quotas: [DAY], ...live })[0];
  assert.deepEqual([row({ decision: decision(10) }).granted, row({ decision: decision(10) }).total], [0, 10]);
  assert.deepEqual([row({ decision: decision(15) }).granted, row({ decision: decision(15) }).total], [5, 15]);
  assert.match(row({ decision: decision(7) }).text, /10 per day, 3 removed/);
  assert.equal(row({}).granted, undefined);
});

test("without a decision, granted calls follow from what is left", () => {
  const quotas = [{ ...DAY, usage: [4, 11] }];
  assert.deepEqual([...grantedByQuota({ quotas })], [["day", 5]]);
  assert.deepEqual([...grantedByQuota({ quotas: [DAY] })], []);
});

test("a token bucket shows its rate, which is exact", () => {
  const decision = { ratelimit_policy: '"burst";q=3;w=2', ratelimit: '"burst";r=1;t=1' };
  const [row] = rowsOf({ quotas: [], decision }, { throttle: { rate: 2, burst: 3 } });
  assert.deepEqual([row.text, row.used, row.remaining], ["3 calls, refilled with 2 per s", 2, 1]);
});

test("grants that the limit does not contain are not in force", () => {
  const grant = (id, amount, more) => ({ id, quota: "day", amount, ...more });
  const items = [grant("new", 7), grant("old", 5)];
  const idle = (sum) => [...idleGrants(items, new Map([["day", sum]]))];
  assert.deepEqual(idle(0), ["new", "old"]);
  assert.deepEqual(idle(7), ["old"]);
  assert.deepEqual(idle(12), []);
  assert.deepEqual(idle(99), [], "an unknown sum marks nothing");
  assert.deepEqual([...idleGrants([grant("back", 5, { revoked: 5 }), grant("rest", 3)], new Map([["day", 3]]))], []);
  assert.deepEqual([...idleGrants(items, new Map())], []);
});

test("a number of calls is a whole number that JavaScript can represent", () => {
  assert.equal(amountMistake("5"), undefined);
  assert.equal(amountMistake(" -12 "), undefined);
  assert.match(amountMistake("1e3"), /whole number/);
  assert.match(amountMistake("0"), /other than 0/);
  assert.match(amountMistake("9007199254740993"), /too large/);
});

test("durations have two units at most", () => {
  assert.deepEqual([0, 59, 61, 75_803, 90_061, 3_600].map(duration), [
    "0 s",
    "59 s",
    "1 min 1 s",
    "21 h 3 min",
    "1 d 1 h",
    "1 h",
  ]);
});
