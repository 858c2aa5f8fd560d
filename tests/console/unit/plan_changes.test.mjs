// What a change of a plan does, in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { planChanges, tightenedQuotas } from "../../../crates/console/assets/pages/plans/changes.js";
import { isForForm, mistakeAt, withField, withQuota, withRateKind } from "../../../crates/console/assets/pages/plans/fields.js";

const PLAN = {
  throttle: { rate: 10, burst: 20 },
  quotas: [{ limit: 900, period: "day" }, { name: "billing", limit: 800, period: "month", time_zone: "Europe/Berlin" }],
};

const change = (after, before = PLAN) => planChanges(before, after).map(({ effect, text }) => `${effect}: ${text}`);
const withDay = (fields) => ({ ...PLAN, quotas: [{ ...PLAN.quotas[0], ...fields }, PLAN.quotas[1]] });

test("an equal plan has no changes, also with defaults written out", () => {
  assert.deepEqual(change(PLAN), []);
  const explicit = { ...PLAN, enabled: true, shadow: false, shared_by_plan: false, on_store_failure: "allow", near_limit: 0.8 };
  assert.deepEqual(change(explicit), []);
  assert.deepEqual(change(withDay({ overage: "deny" })), []);
});

test("lower limits are tighter and higher limits are looser", () => {
  assert.deepEqual(change({ ...PLAN, throttle: { rate: 5, burst: 40 } }), [
    "tighter: Rate: 5 per second instead of 10.",
    "looser: Burst: 40 calls instead of 20.",
  ]);
  assert.deepEqual(change(withDay({ limit: 10 })), ["tighter: Quota day: 10 calls instead of 900."]);
  assert.deepEqual(change(withDay({ overage: "allow" })), ["looser: Quota day: calls beyond the limit pass and are counted."]);
});

test("small rates are compared as numbers", () => {
  const plan = (rate) => ({ throttle: { rate, burst: 1 } });
  assert.deepEqual(change(plan(0.0004), plan(0.0001)), ["looser: Rate: 0.0004 per second instead of 0.0001."]);
  assert.deepEqual(change(plan(0.0333), plan(0.0334)), ["tighter: Rate: 0.0333 per second instead of 0.0334."]);
  const route = (rate) => ({ routes: { "GET /": { rate, burst: 1 } } });
  assert.deepEqual(change(route(0.0001), {}), ["tighter: Route GET /: new rate limit, 0.0001 per second, burst 1."]);
});

test("added limits are tighter and removed limits are looser", () => {
  const { throttle, ...rest } = PLAN;
  assert.deepEqual(change(rest), ["looser: No rate limit any more (was 10 per second, burst 20)."]);
  assert.deepEqual(change(PLAN, rest), ["tighter: New rate limit: 10 per second, burst 20."]);
  assert.deepEqual(change({ throttle }), [
    "looser: Quota day is removed (was 900 calls per day).",
    "looser: Quota billing is removed (was 800 calls per month).",
  ]);
  const routed = { ...PLAN, routes: { "POST /pay": { rate: 1, burst: 2 } } };
  assert.deepEqual(change(routed), ["tighter: Route POST /pay: new rate limit, 1 per second, burst 2."]);
  assert.match(change(PLAN, routed)[0], /^looser: Route POST \/pay: no rate limit of its own/);
});

test("sliding windows are compared by their limit and their width", () => {
  const plan = (limit, window_s) => ({ algorithm: "sliding_window", limit, window_s });
  assert.match(change(plan(5, 60), plan(10, 60))[0], /^tighter: Rate limit: 5 calls in any 60 s instead of 10/);
  assert.match(change(plan(10, 120), plan(10, 60))[0], /^tighter/);
  assert.match(change(plan(20, 120), plan(10, 60))[0], /^other/);
  assert.match(change(plan(10, 60))[0], /^other: Rate limit: 10 calls in any 60 s instead of 10 per second/);
});

test("disabling, dry runs and shared limits are named", () => {
  assert.deepEqual(change({ ...PLAN, enabled: false }), ["tighter: The plan is disabled: all calls are refused with 403 (plan_disabled)."]);
  assert.match(change({ ...PLAN, shadow: true })[0], /^looser: Dry run/);
  assert.match(change(PLAN, { ...PLAN, shadow: true })[0], /^tighter: The dry run ends/);
  assert.match(change({ ...PLAN, shared_by_plan: true })[0], /^tighter: All callers/);
  assert.match(change({ ...PLAN, on_store_failure: "deny" })[0], /^other: Store failure: calls are refused/);
});

test("another period counts anew", () => {
  const changes = change({ ...PLAN, quotas: [{ name: "day", limit: 900, period: "week" }, PLAN.quotas[1]] });
  assert.deepEqual(changes, ["other: Quota day: 900 calls per week instead of 900 calls per day, in other periods. Their count starts anew."]);
});

test("only quotas with counted calls can refuse at once", () => {
  const names = (after, before = PLAN) => tightenedQuotas(before, after).map(({ period }) => period);
  assert.deepEqual(names(withDay({ limit: 10 })), ["day"]);
  assert.deepEqual(names(withDay({ limit: 10, name: "daily" })), ["day"], "the count belongs to the period");
  assert.deepEqual(names(withDay({ limit: 950 })), []);
  assert.deepEqual(names(withDay({ limit: 10, overage: "allow" })), []);
  assert.deepEqual(names(PLAN, withDay({ overage: "allow" })), ["day"]);
  assert.deepEqual(names(withDay({ limit: 10, period: "week" })), [], "a new period has no calls yet");
  assert.deepEqual(names({ ...withDay({ limit: 10 }), shadow: true }), []);
  assert.deepEqual(names({ ...withDay({ limit: 10 }), enabled: false }), []);
});

test("the form changes single fields and keeps the others", () => {
  assert.deepEqual(withField({ a: 1, b: 2 }, "a", undefined), { b: 2 });
  assert.deepEqual(withRateKind(PLAN, "none"), { quotas: PLAN.quotas });
  assert.deepEqual(withRateKind(PLAN, "window"), { algorithm: "sliding_window", window_s: 60, limit: 100, quotas: PLAN.quotas });
  assert.deepEqual(withQuota(PLAN, 1, undefined).quotas, [PLAN.quotas[0]]);
  assert.deepEqual(withQuota({ quotas: [PLAN.quotas[0]] }, 0, undefined), {});
});

test("the form shows only values that it can change", () => {
  for (const plan of [PLAN, {}, { quotas: [{}] }]) assert.ok(isForForm(plan));
  for (const value of [undefined, null, [], "plan", { throttle: 1 }, { quotas: {} }, { quotas: [1] }]) assert.ok(!isForForm(value));
  const objects = [{ limit: {} }, { near_limit: [] }, { throttle: { rate: { toString: 1 } } }, { quotas: [{ name: { toString: 1 } }] }];
  for (const value of objects) assert.ok(!isForForm(value), JSON.stringify(value));
});

test("mistakes at fields are sentences without the name of the field", () => {
  const shown = (detail, pointer = "/throttle/rate") => mistakeAt({ errors: [{ pointer, detail }] }, pointer);
  assert.equal(shown("`rate` is invalid, expected a number"), "The value is invalid, expected a number.");
  assert.equal(shown("throttle.rate is -1, expected 0 or more"), "The value is -1, expected 0 or more.");
  assert.equal(shown("near_limit is 3, expected 0 to 1", "/near_limit"), "The value is 3, expected 0 to 1.");
  assert.equal(shown("duplicate limit name `day`", "/quotas/1/name"), "Duplicate limit name `day`.");
  assert.equal(mistakeAt({ errors: [] }, "/limit"), undefined);
});
