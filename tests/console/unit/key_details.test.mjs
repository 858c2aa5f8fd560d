// The pure modules of the page of a key.

import assert from "node:assert/strict";
import { test } from "node:test";

import { compareLimits } from "../../../crates/console/assets/app/plan_comparison.js";
import { limitsOf, parseItems } from "../../../crates/console/assets/app/rate_limit.js";

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
  const changes = Object.fromEntries(compareLimits(from, to).map(({ name, change }) => [name, change]));
  assert.deepEqual(changes, {
    Rate: "higher",
    Burst: "same",
    "Quota per day": "lower",
    "Quota per week": "removed",
    "Quota in total": "new",
  });
});

test("a quota that allows more calls is higher than any number", () => {
  const [row] = compareLimits(
    { quotas: [{ limit: 100, period: "day" }] },
    { quotas: [{ limit: 10, period: "day", overage: "allow" }] },
  );
  assert.equal(row.change, "higher");
});
