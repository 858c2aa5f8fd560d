// Schemas in words, also of descriptions that are hostile or refer to themselves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { merged, partsOf, typeText } from "../../../crates/console/assets/pages/api_reference/schema_text.js";

const of = (name) => ({ $ref: `#/components/schemas/${name}` });

test("types are named", () => {
  const document = { components: { schemas: { Quota: { type: "object", properties: {} } } } };
  assert.equal(typeText(document, { type: "array", items: of("Quota") }), "array of Quota");
  assert.equal(typeText(document, { type: ["string", "null"] }), "string or null");
  assert.equal(typeText(document, { oneOf: [of("Quota"), { type: "integer", format: "int64" }] }), "Quota or integer (int64)");
});

test("schemas that contain themselves end", () => {
  const document = { components: { schemas: {
    List: { type: "array", items: of("List") },
    All: { allOf: [of("All"), of("All")] },
    One: { oneOf: [of("One"), of("One"), { type: "string" }] },
    Self: of("Self"),
  } } };
  for (const name of ["List", "All", "One", "Self"]) {
    assert.equal(typeof typeText(document, of(name)), "string");
    assert.ok(partsOf(document, document.components.schemas[name]).length <= 50);
    merged(document, document.components.schemas[name]);
  }
});

test("variants that double at each step are bounded", () => {
  const schemas = {};
  for (let step = 0; step < 26; step += 1) schemas[`S${step}`] = { oneOf: [of(`S${step + 1}`), of(`S${step + 1}`)] };
  const start = Date.now();
  typeText({ components: { schemas } }, of("S0"));
  assert.ok(Date.now() - start < 1_000);

  const wide = { oneOf: Array.from({ length: 5_000 }, (_, index) => ({ type: "string", const: index })) };
  assert.ok(typeText({}, wide).length < 200);
  assert.ok(partsOf({}, wide).length <= 50);
});
