// Formulas in CSV files of the console.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toCsv } from "../../../crates/console/assets/app/download.js";
import { escapeFormulas } from "../../../crates/console/assets/app/formula_cells.js";

test("formulas get an apostrophe wherever a spreadsheet may find them", () => {
  for (const [text, expected] of [
    ["=1", "'=1"],
    [" =1", "' =1"],
    ["\n=1", "'\n'=1"],
    ["\uff1d1", "'\uff1d1"],
    ["x;=1", "x;'=1"],
    ["a|b\t-2", "a|b\t'-2"],
    ["\u200b@x", "'\u200b@x"],
    ["\"+1", "'\"+1"],
  ]) {
    assert.equal(escapeFormulas(text), expected, JSON.stringify(text));
  }
});

test("other texts and numbers stay as they are", () => {
  for (const text of ["", "a=b", "10 \u2192 20", "key_1", "x;y", "line\nnext", "\u{1f600}"]) {
    assert.equal(escapeFormulas(text), text);
  }
  assert.equal(toCsv([[-5, "a,b", 'c"d', undefined]]), '-5,"a,b","c""d",\r\n');
});
