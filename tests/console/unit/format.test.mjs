// Numbers, instants and plans as text. The tests set a zone and a language of their own.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../../crates/console/assets/app/format.js";
import { localeOf } from "../../../crates/console/assets/app/locale.js";

test("an absent number is a dash", () => {
  for (const show of [format.count, format.compact, format.milliseconds]) {
    assert.equal(show(undefined), "–");
    assert.equal(show(null), "–");
  }
});

test("a number has its noun in the right form", () => {
  assert.deepEqual([0, 1, 2].map((value) => format.counted(value, "key")), ["0 keys", "1 key", "2 keys"]);
});

test("a share of nothing is a dash", () => {
  assert.equal(format.share(0, 0), "–");
  assert.equal(format.share(null, 8), "–");
  assert.match(format.share(1, 8), /^12[.,]5\s?%$/);
  assert.match(format.share(0, 8), /^0\s?%$/);
  assert.match(format.share(1, 12_830), /^under 0[.,]1\s?%$/);
});

test("a duration has its unit", () => {
  assert.match(format.milliseconds(12.34), /^12[.,]3 ms$/);
  assert.match(format.milliseconds(1_500), /^1[.,]5 s$/);
});

test("numbers and instants are English, as the pages are", () => {
  assert.equal(localeOf(["de-DE", "en-IE", "en"]), "en-IE");
  assert.equal(localeOf(["de-DE"]), "en-GB");
  assert.equal(localeOf([]), "en-GB");
});

test("a longer duration has two units", () => {
  const texts = [0, 59, 60, 75_803, 86_400, 90_061].map(format.duration);
  assert.deepEqual(texts, ["0 s", "59 s", "1 min", "21 h 3 min", "1 d", "1 d 1 h"]);
});

test("an instant is shown in UTC with its zone", () => {
  assert.equal(format.utcTime("2026-11-30T10:41:07.123+01:00"), "2026-11-30 09:41:07 UTC");
  assert.equal(format.utcDay("2026-11-30T00:30:00+01:00"), "2026-11-29");
});

test("the time since an instant has one unit", () => {
  const now = new Date("2026-11-30T12:00:00Z");
  assert.equal(format.ago("2026-11-30T11:59:30Z", now), "30 s ago");
  assert.equal(format.ago("2026-11-30T11:30:00Z", now), "30 min ago");
  assert.equal(format.ago("2026-11-29T13:00:00Z", now), "23 h ago");
  assert.equal(format.ago("2026-11-20T12:00:00Z", now), "10 d ago");
  assert.equal(format.ago("2026-11-30T12:00:05Z", now), "0 s ago");
});

test("the limits of a plan are one line", () => {
  assert.equal(format.planLimits({}), "no limits");
  const bucket = { throttle: { rate: 10, burst: 20 }, quotas: [{ limit: 100, period: "day" }, { limit: 5, period: "total" }] };
  assert.equal(format.planLimits(bucket), "10/s, burst 20, 100 per day, 5 in total");
  assert.equal(format.planLimits({ algorithm: "sliding_window", limit: 50, window_s: 60 }), "50 per 60 s");
});
