// Requests to test a policy with, and the source of a policy in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseRequests } from "../../../crates/console/assets/pages/policy/requests.js";
import { sourceWords } from "../../../crates/console/assets/pages/policy/source.js";

test("each line is a method as it is written and a path", () => {
  const { requests, mistakes } = parseRequests("GET /a\n\n  post   /b?c=d  \n/e\n");
  assert.deepEqual(requests, [{ method: "GET", path: "/a" }, { method: "post", path: "/b?c=d" }, { method: "GET", path: "/e" }]);
  assert.deepEqual(mistakes, []);
});

test("lines that are no requests are reported with their number", () => {
  const { requests, mistakes } = parseRequests("GET a\nGET /a b\n/ok\nG3T /a\nGET");
  assert.deepEqual(requests, [{ method: "GET", path: "/ok" }]);
  assert.deepEqual(mistakes.map((text) => text.slice(0, 7)), ["Line 1:", "Line 2:", "Line 4:", "Line 5:"]);
});

test("at most 100 requests are tested", () => {
  const { requests, mistakes } = parseRequests("/a\n".repeat(101));
  assert.equal(requests.length, 100);
  assert.match(mistakes[0], /first 100/);
});

test("each source of the policy says how to change it", () => {
  assert.match(sourceWords({ kind: "file", name: "p.json" }, true).title, /p\.json/);
  assert.match(sourceWords({ kind: "template" }, true).change, /--policy FILE/);
  assert.match(sourceWords({ kind: "template", name: "stack" }, false).change, /table:NAME/);
  assert.equal(sourceWords({ kind: "table", name: "main" }, false).isReadOnly, false);
  for (const kind of ["file", "template", "unknown"]) assert.equal(sourceWords({ kind }, false).isReadOnly, true);
});
