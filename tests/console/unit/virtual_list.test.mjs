// The rows of a virtual list that are in the document.

import assert from "node:assert/strict";
import { test } from "node:test";

import { visibleRange } from "../../../crates/console/assets/components/virtual_list/window.js";

const range = (scrollTop, count = 10_000) => visibleRange({ scrollTop, boxHeight: 400, rowHeight: 40, count });

test("the visible rows and a few more on both sides are rendered", () => {
  assert.deepEqual(range(0), { from: 0, to: 19 });
  assert.deepEqual(range(4_000), { from: 92, to: 119 });
});

test("the last rows are rendered at the end", () => {
  assert.deepEqual(range(40 * 10_000 - 400), { from: 9_981, to: 10_000 });
});

test("a list that became shorter shows its last rows", () => {
  const { from, to } = range(400_000, 100);
  assert.equal(to, 100);
  assert.ok(from <= 89, `${from}`);
});

test("a short or empty list is rendered as a whole", () => {
  assert.deepEqual(range(0, 3), { from: 0, to: 3 });
  assert.deepEqual(range(0, 0), { from: 0, to: 0 });
  assert.deepEqual(range(-50, 3), { from: 0, to: 3 });
});
