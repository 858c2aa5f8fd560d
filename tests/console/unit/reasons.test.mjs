// Reasons in words: those of the console equal their definitions.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { explainDetail, explainReason, reasonNames } from "../../../crates/console/assets/app/reasons.js";
import { DETAILS } from "../../../crates/console/assets/app/reasons/details.js";

const PASSED = ["ok", "shadow_denied"];
/** Refusals of which the authorizer knows nothing. */
const OF_THE_CONSOLE = ["stage_throttled", "unknown"];
/** Details that repeat the reason. */
const REPEATED = ["unknown_key", "key_not_yet_valid", "token_expired", "invalid_signature"];

function read(path) {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

/** Returns the sentence of each reason by its name, from the type that the authorizer uses. */
function definitions() {
  const lines = read("crates/outcome/src/reason.rs").matchAll(/\/\/\/ (.+)\n\s+\w+ = "(\w+)",/g);
  return Object.fromEntries([...lines].map(([, text, name]) => [name, text]));
}

/** Returns the rows of the table of details: reason, details and cause, without Markdown. */
function detailRows() {
  const section = read("docs/reference/reasons.md").split("## Details of refused credentials")[1].split("\n## ")[0];
  const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(1);
  let reason = "";
  return rows.map((row) => {
    const [names, details, cause] = row.split("|").slice(1).map((cell) => cell.trim());
    reason = names.split("`")[1] ?? reason;
    const codes = [...details.matchAll(/`([^`]+)`/g)].map(([, code]) => code.replace(/[A-Z]+$/, ""));
    return { reason, codes, cause: cause.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "") };
  });
}

test("every reason is explained as it is defined", () => {
  const defined = definitions();
  const names = Object.keys(defined).filter((name) => !PASSED.includes(name));
  assert.ok(names.length > 25, String(names));
  assert.deepEqual(reasonNames().filter((name) => !OF_THE_CONSOLE.includes(name)).sort(), names.sort());
  for (const name of names) assert.equal(explainReason(name).text, defined[name], name);
});

test("every reason names a next step", () => {
  for (const name of [...reasonNames(), "reason_of_a_later_version", "constructor"]) {
    const { title, text, next, pages } = explainReason(name);
    assert.ok(title && text.endsWith(".") && next.endsWith(".") && Array.isArray(pages), name);
    for (const sentence of [text, ...next.split(/(?<=\.) /)]) {
      assert.ok(sentence.split(" ").length <= 25, sentence);
    }
  }
});

test("details of refused credentials are explained as in the reference", () => {
  const rows = detailRows().filter(({ reason }) => !REPEATED.includes(reason));
  assert.ok(rows.length > 20);
  const known = {};
  for (const { reason, codes, cause } of rows) {
    for (const code of codes) (known[reason] ??= {})[code] = cause;
  }
  assert.deepEqual(DETAILS, { ...known, not_from_front: DETAILS.not_from_front });
});

test("a detail with a name is found by its prefix", () => {
  assert.match(explainDetail("invalid_claims", "claim:tenant"), /^The claim is missing/);
  assert.equal(explainDetail("invalid_claims", "claim"), undefined);
  assert.equal(explainDetail("rate_exceeded", "burst"), undefined);
  assert.equal(explainDetail("invalid_token", "constructor"), undefined);
  assert.equal(explainDetail("invalid_token", undefined), undefined);
});
