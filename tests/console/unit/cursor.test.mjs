// Lists of the API that do not end.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cursorCheck, MOST_PAGES } from "../../../crates/console/assets/app/cursor.js";

test("cursors are followed to the last page", () => {
  const check = cursorCheck();
  assert.deepEqual(["a", "b", "a", null].map(check), ["a", "b", "a", undefined]);
});

test("a repeated cursor is an error", () => {
  const check = cursorCheck();
  check("same");
  assert.throws(() => check("same"), /repeats a page/);
});

test("a list without an end is an error", () => {
  const check = cursorCheck();
  const read = () => {
    for (let page = 0; ; page += 1) check(String(page));
  };
  assert.throws(read, new RegExp(`more than ${MOST_PAGES} pages`));
});
