// JSON as text, and the differences between two texts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { formatJson, lineAt, offsetAt, offsetOf } from "../../../crates/console/assets/app/json_text.js";
import { differences, withGaps } from "../../../crates/console/assets/components/conflict/difference.js";

const POLICY = `{
  "rules": [
    { "match": "GET /a,b", "auth": "none" },
    { "match": "ANY /{proxy+}",
      "auth": "any", "scopes": ["a", "b"] }
  ],
  "a/b": { "~": 1 }
}`;

test("formatted JSON has the same value and short objects on one line", () => {
  const value = { rules: [{ match: "ANY /", auth: "any" }], text: 'a"\n', none: {}, list: [], null: null };
  const text = formatJson(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.ok(text.includes('\n  "rules": [\n    { "match": "ANY /", "auth": "any" }\n  ],'), text);
  assert.ok(text.includes('\n  "none": {},'), text);

  const long = { rules: Array.from({ length: 9 }, (_, index) => ({ match: `GET /path/${index}`, auth: "any" })) };
  assert.equal(formatJson(long).split("\n").length, 2 + 2 + 9);
  assert.deepEqual(JSON.parse(formatJson(long)), long);
  for (const scalar of [1, "a", null, true, [], {}]) assert.equal(formatJson(scalar), JSON.stringify(scalar));
});

test("the place of a value is found by its pointer", () => {
  const at = (pointer) => POLICY.slice(offsetOf(POLICY, pointer)).split(/[\s:]/)[0];
  assert.equal(at("/rules"), '"rules"');
  assert.equal(lineAt(POLICY, offsetOf(POLICY, "/rules/0")), 3);
  assert.equal(lineAt(POLICY, offsetOf(POLICY, "/rules/1")), 4);
  assert.equal(lineAt(POLICY, offsetOf(POLICY, "/rules/1/auth")), 5);
  assert.equal(POLICY.slice(offsetOf(POLICY, "/rules/1/scopes/1")).slice(0, 3), '"b"');
  assert.equal(at("/a~1b"), '"a/b"');
  assert.equal(at("/a~1b/~0"), '"~"');
});

test("a value that does not exist has the place of its parent", () => {
  assert.equal(offsetOf(POLICY, "/rules/1/cost"), offsetOf(POLICY, "/rules/1"));
  assert.equal(offsetOf(POLICY, ""), 0);
  assert.equal(offsetOf("", "/rules"), 0);
  assert.equal(offsetOf('{"a', "/a"), 0);
});

test("lines and offsets agree", () => {
  const text = "a\n\nbc\n";
  assert.deepEqual([0, 1, 2, 3, 4, 6].map((offset) => lineAt(text, offset)), [1, 1, 2, 3, 3, 4]);
  assert.equal(offsetAt(text, 3, 2), 4);
  assert.equal(offsetAt(text, 2, 9), 2);
  assert.equal(offsetAt(text, 99), text.length);
});

test("differences pair changed lines and keep equal ones", () => {
  const kinds = (left, right) => differences(left, right).map(({ kind }) => kind);
  assert.deepEqual(kinds("a\nb\nc", "a\nx\nc"), ["same", "changed", "same"]);
  assert.deepEqual(kinds("a\nc", "a\nb\nc"), ["same", "right", "same"]);
  assert.deepEqual(kinds("a\nb\nc", "a\nc"), ["same", "left", "same"]);
  assert.deepEqual(kinds("a\na", "a\na\na"), ["same", "same", "right"]);

  const rows = differences("1\n2\n3\n4", "0\n2\n4\n5");
  assert.deepEqual(rows.map(({ left }) => left?.text).filter(Boolean), ["1", "2", "3", "4"]);
  assert.deepEqual(rows.map(({ right }) => right?.text).filter(Boolean), ["0", "2", "4", "5"]);
  assert.deepEqual(rows.map(({ kind }) => kind), ["changed", "same", "left", "same", "right"]);
});

test("very long texts are compared at once, and long equal parts are a gap", () => {
  const lines = (prefix) => Array.from({ length: 5_000 }, (_, index) => `${prefix}${index}`).join("\n");
  const started = performance.now();
  assert.equal(differences(lines("a"), lines("b")).length, 5_000);
  assert.ok(performance.now() - started < 2_000);

  const rows = withGaps(differences(`${lines("a")}\nx`, `${lines("a")}\ny`));
  assert.deepEqual(rows.map(({ kind }) => kind), ["gap", "same", "same", "same", "changed"]);
  assert.equal(rows[0].count, 4_997);
});
