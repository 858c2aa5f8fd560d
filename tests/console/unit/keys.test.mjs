// The pure modules of the pages Keys and Key.

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey } from "../../../crates/console/assets/app/example_call.js";
import { idempotencyKeys } from "../../../crates/console/assets/app/idempotency.js";
import * as form from "../../../crates/console/assets/app/key_form.js";
import { keyState } from "../../../crates/console/assets/app/key_state.js";
import * as filter from "../../../crates/console/assets/pages/keys/filter.js";

const NOW = Date.parse("2026-11-30T12:00:00Z");
const KEY = { key_id: "key_1", name: "Acme shop", plan: "pro", enabled: true, scopes: [], metadata: { crm: "4711" } };

function search(fields) {
  return { ...filter.searchOf(new URLSearchParams()), ...fields };
}

test("the state of a key is the first reason why its calls are refused", () => {
  const plans = new Map([
    ["pro", {}],
    ["off", { enabled: false }],
  ]);
  const state = (fields) => keyState({ ...KEY, ...fields }, plans, NOW);

  assert.equal(state({}), "active");
  assert.equal(state({ enabled: false, expires_at: "2026-01-01T00:00:00Z" }), "disabled");
  assert.equal(state({ expires_at: "2026-11-30T12:00:00Z" }), "expired");
  assert.equal(state({ expires_at: "2026-12-05T00:00:00Z" }), "expiring");
  assert.equal(state({ not_before: "2026-11-30T12:00:01Z" }), "not_yet_valid");
  assert.equal(state({ plan: "off" }), "plan_disabled");
  assert.equal(state({ plan: "gone" }), "plan_missing");
  assert.equal(keyState({ ...KEY, plan: "gone" }, undefined, NOW), "active");
});

test("a blocked key is blocked in every state", () => {
  assert.equal(keyState({ ...KEY, enabled: false }, undefined, NOW, true), "blocked");
});

test("a new key must not expire in the past, but a key may", () => {
  const past = { ...form.formOf(), plan: "pro", expires_at: "2020-01-01T00:00:00" };
  assert.deepEqual(Object.keys(form.formMistakes(past, { isNew: true, now: NOW })), ["expires_at"]);
  assert.deepEqual(form.formMistakes(past, { now: NOW }), {});
});

test("the search looks at ids, names, plans and metadata, and needs every word", () => {
  const other = { ...KEY, key_id: "key_2", name: "Other", plan: "free", metadata: {} };
  const found = (q) => filter.selectKeys([KEY, other], search({ q }), undefined, NOW).map(({ key_id }) => key_id);

  assert.deepEqual(found("ACME"), ["key_1"]);
  assert.deepEqual(found("crm=4711"), ["key_1"]);
  assert.deepEqual(found("key free"), ["key_2"]);
  assert.deepEqual(found("acme free"), []);
  assert.deepEqual(found("  "), ["key_1", "key_2"]);
});

test("filters combine", () => {
  const keys = [
    KEY,
    { ...KEY, key_id: "key_2", group: "g1" },
    { ...KEY, key_id: "key_3", group: "g1", enabled: false },
  ];
  const found = (fields) => filter.selectKeys(keys, search(fields), undefined, NOW).map(({ key_id }) => key_id);

  assert.deepEqual(found({ group: "g1" }), ["key_2", "key_3"]);
  assert.deepEqual(found({ group: "g1", state: "disabled" }), ["key_3"]);
  assert.deepEqual(found({ state: "enabled" }), ["key_1", "key_2"]);
  assert.deepEqual(found({ plan: "none" }), []);
});

test("keys are sorted by calls, with the id for equal values", () => {
  const keys = ["c", "a", "b"].map((key_id) => ({ ...KEY, key_id }));
  const usage = new Map([["b", { calls: 7 }]]);
  const ids = (order, sort = "calls") => filter.sortKeys(keys, { sort, order }, usage).map(({ key_id }) => key_id);

  assert.deepEqual(ids("descending"), ["b", "a", "c"]);
  assert.deepEqual(ids(""), ["a", "c", "b"]);
  assert.deepEqual(ids("", ""), ["c", "a", "b"]);
});

test("keys that were used last come first in descending order", () => {
  const keys = ["never", "today", "month"].map((key_id) => ({ ...KEY, key_id }));
  const lastUse = new Map([
    ["today", 0],
    ["month", 29],
  ]);
  const sorted = filter.sortKeys(keys, { sort: "last_used", order: "descending" }, undefined, lastUse);
  assert.deepEqual(
    sorted.map(({ key_id }) => key_id),
    ["today", "month", "never"],
  );
});

test("invalid parameters of the address are ignored", () => {
  const read = filter.searchOf(new URLSearchParams("sort=evil&order=up&unused_since=yesterday&q=x"));
  assert.deepEqual(read, { q: "x", plan: "", group: "", state: "", unused_since: "", sort: "", order: "" });
});

test("only a filter of the server with the same keys is used for a change", () => {
  assert.deepEqual(filter.serverFilter(search({})), { all: true });
  assert.deepEqual(filter.serverFilter(search({ plan: "pro", state: "disabled" })), { plan: "pro", enabled: false });
  assert.equal(filter.serverFilter(search({ q: "acme" })), undefined);
  assert.equal(filter.serverFilter(search({ state: "expired" })), undefined);
  assert.deepEqual(filter.serverFilter(search({ q: "acme", state: "expired" }), { isApproximate: true }), {
    enabled: true,
  });
});

test("a form becomes a document without empty fields", () => {
  const values = {
    ...form.formOf(),
    name: "Acme",
    plan: "pro",
    scopes: "read\nwrite",
    allowed_ips: "192.0.2.1, 2001:db8::/32",
    metadata: [
      { name: "__proto__", value: "x" },
      { name: "", value: "" },
    ],
  };
  const text = JSON.stringify(form.newKeyOf(values));
  assert.equal(
    text,
    '{"name":"Acme","plan":"pro","allowed_ips":["192.0.2.1","2001:db8::/32"],"scopes":["read","write"],' +
      '"metadata":{"__proto__":"x"}}',
  );
});

test("an instant survives the form", () => {
  const before = form.formOf({ ...KEY, expires_at: "2027-03-28T01:30:15Z" });
  assert.equal(form.newKeyOf(before).expires_at, "2027-03-28T01:30:15Z");
});

test("a change has only the changed fields, and null for removed ones", () => {
  const before = form.formOf({ ...KEY, description: "old", metadata: { keep: "1", drop: "2", edit: "3" } });
  const after = {
    ...before,
    name: "New",
    description: "",
    metadata: [
      { name: "keep", value: "1" },
      { name: "edit", value: "4" },
    ],
  };

  assert.deepEqual(form.patchOf(before, after), {
    name: "New",
    description: null,
    metadata: { drop: null, edit: "4" },
  });
  assert.deepEqual(form.patchOf(before, { ...before }), {});
});

test("scopes may contain commas", () => {
  const before = form.formOf({ ...KEY, scopes: ["a,b"] });
  assert.deepEqual(form.patchOf(before, { ...before, scopes: "a,b\nnew" }), { scopes: ["a,b", "new"] });
});

test("a change that met another one keeps the fields that only the other one changed", () => {
  const before = form.formOf({ ...KEY, metadata: { keep: "1", mine: "1", drop: "1" } });
  const stored = form.formOf({ ...KEY, plan: "large", metadata: { keep: "theirs", mine: "1", drop: "1", new: "2" } });
  const metadata = [
    { name: "keep", value: "1" },
    { name: "mine", value: "9" },
  ];
  const merged = form.mergedForm(before, { ...before, name: "Mine", metadata }, stored);
  assert.deepEqual(form.patchOf(stored, merged), { name: "Mine", metadata: { drop: null, mine: "9" } });
});

test("a plan that a partial list lacks is not missing", () => {
  const plans = Object.assign(new Map(), { isPartial: true });
  assert.equal(keyState(KEY, plans, NOW), "active");
});

test("mistakes of a response are shown at their fields", () => {
  const error = { errors: [{ pointer: "/allowed_ips/0", detail: "not a network" }, { detail: "other" }] };
  assert.deepEqual(form.responseMistakes(error), {
    fields: { allowed_ips: "Line 1: not a network." },
    others: [{ detail: "other" }],
  });
});

test("a repeated document has the same idempotency key, a changed one has another", () => {
  const headers = idempotencyKeys();
  const first = headers({ plan: "pro" })["idempotency-key"];
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  assert.equal(headers({ plan: "pro" })["idempotency-key"], first);
  assert.notEqual(headers({ plan: "free" })["idempotency-key"], first);
});

test("the example call quotes the secret and has the header of the target", () => {
  const target = { kind: "deployed", label: "stack t (https://api.example.org/)", key_header: "x-acme-key" };
  assert.equal(callWithKey(target, "it's"), "curl -i -H 'x-acme-key: it'\\''s' 'https://api.example.org/'");
});
