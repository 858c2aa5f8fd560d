// Tests of the customers' page that need no browser. `account_page.rs` runs them with Node.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bars, explain, fetchUsage, period, quotaCells } from "../../src/account_page/page.js";

const NOW = Date.parse("2026-11-22T12:00:00Z");

test("period is the last 30 days", () => {
  assert.deepEqual(period(NOW), { from: "2026-10-24", to: "2026-11-22" });
});

test("highest day fills the chart and no bar leaves it", () => {
  const chart = { width: 300, height: 100, bottom: 20, top: 10 };
  const days = [0, 5, 10].map((used, index) => ({ date: `2026-11-0${index + 1}`, used }));
  const drawn = bars(days, chart);

  assert.deepEqual(drawn.map((bar) => bar.height), [0, 35, 70]);
  assert.ok(drawn.every((bar) => bar.x >= 0 && bar.x + bar.width <= chart.width));
  assert.ok(drawn.every((bar) => bar.y >= chart.top && bar.y + bar.height <= 80));
  assert.ok(bars([{ date: "2026-11-01", used: 0 }], chart)[0].height === 0);
});

test("quota without an end never starts anew", () => {
  const cells = quotaCells({ name: "credits", usage: [3, 7] }, String);
  assert.deepEqual(cells, ["credits", "3", "7", "never"]);
});

test("key is sent as a header to the same origin and is not in the address", async () => {
  const calls = [];
  const fetcher = async (address, options) => {
    calls.push([address, options]);
    return { ok: true, json: async () => ({ plan: "free" }) };
  };
  const report = await fetchUsage("secret-key", "x-api-key", NOW, fetcher);

  assert.equal(report.plan, "free");
  const [address, options] = calls[0];
  assert.equal(address, "usage?from=2026-10-24&to=2026-11-22");
  assert.equal(options.headers["x-api-key"], "secret-key");
  assert.deepEqual([options.credentials, options.redirect], ["omit", "error"]);
});

test("refusals are explained", async () => {
  for (const [status, expected] of [
    [401, /unknown, expired or disabled/],
    [403, /may not query/],
    [429, /in 7 seconds/],
    [503, /in 7 seconds/],
    [500, /status 500/],
  ]) {
    const fetcher = async () => ({ ok: false, status, headers: new Map([["retry-after", "7"]]) });
    await assert.rejects(fetchUsage("key", "x-api-key", NOW, fetcher), expected);
  }
  assert.match(explain(429, null), /a few seconds/);
});
