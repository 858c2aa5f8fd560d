// Schemas (JSON Schema, as in OpenAPI 3.1) in words.

import { count } from "../../app/format.js";

/** The number of references that are followed from one to the next. A description may refer to itself. */
const MAX_REFERENCES = 10;
/** The depth to which types are named, and parts of objects are collected. */
const MAX_DEPTH = 5;
/** The number of variants and parts that are shown. */
const MAX_PARTS = 50;
const MAX_VARIANTS_IN_TEXT = 6;

/**
 * Returns a schema without its reference. Fields next to the reference, such as a description, have precedence.
 *
 * @returns {{schema: object, name?: string}} `name` is the name of the schema that the reference led to
 */
export function resolve(document, schema) {
  let current = schema ?? {};
  let name;
  for (let step = 0; step < MAX_REFERENCES && typeof current?.$ref === "string"; step += 1) {
    const { $ref, ...rest } = current;
    name = nameOf($ref);
    current = { ...(document.components?.schemas?.[name] ?? {}), ...rest };
  }
  return { schema: current, name };
}

function nameOf(reference) {
  return reference.split("/").pop().replaceAll("~1", "/").replaceAll("~0", "~");
}

/** Returns the schema of an object whose parts are spread over `allOf`. */
export function merged(document, schema, depth = 0) {
  if (!Array.isArray(schema.allOf) || depth >= MAX_DEPTH) return schema;
  const parts = schema.allOf.slice(0, MAX_VARIANTS_IN_TEXT)
    .map((part) => merged(document, resolve(document, part).schema, depth + 1));
  const { allOf: _, ...rest } = schema;
  const properties = Object.assign({}, ...parts.map((part) => part.properties ?? {}), rest.properties ?? {});
  const required = [...parts.flatMap((part) => part.required ?? []), ...(rest.required ?? [])];
  return { type: "object", ...rest, properties, required };
}

/** Returns the type of a schema, such as `array of Quota` or `string or null`. */
export function typeText(document, schema, depth = 0) {
  const { schema: resolved, name } = resolve(document, schema);
  if (depth >= MAX_DEPTH) return name ?? "value";
  const variants = variantsOf(resolved);
  if (variants) return variantsText(document, variants, depth);

  const types = [resolved.type ?? (resolved.properties || resolved.allOf ? "object" : "any")].flat();
  return types.map((type) => {
    if (type === "array") return `array of ${typeText(document, resolved.items, depth + 1)}`;
    if (type === "object") return name ?? "object";
    return resolved.format ? `${type} (${resolved.format})` : type;
  }).join(" or ");
}

function variantsText(document, variants, depth) {
  const named = variants.slice(0, MAX_VARIANTS_IN_TEXT).map((variant) => typeText(document, variant, depth + 2));
  const rest = variants.length - named.length;
  return [...new Set(named), ...(rest > 0 ? [`${rest} more`] : [])].join(" or ");
}

/** Returns the variants of which a value is one, or undefined. */
export function variantsOf(schema) {
  const variants = schema.oneOf ?? schema.anyOf;
  return Array.isArray(variants) ? variants : undefined;
}

/** Returns the limits of a value, such as `at least 1`, and its default. */
export function constraints(schema) {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern } = schema;
  return [
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    range(minItems, maxItems, " items"),
    schema.enum ? `one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}` : undefined,
    schema.const === undefined ? undefined : `always ${JSON.stringify(schema.const)}`,
    pattern === undefined ? undefined : `pattern ${pattern}`,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
    schema.example === undefined ? undefined : `for example ${JSON.stringify(schema.example)}`,
  ].filter((text) => text !== undefined);
}

function range(least, most, unit) {
  if (least === undefined && most === undefined) return undefined;
  if (least === undefined) return `at most ${count(most)}${unit}`;
  if (most === undefined) return least === 0 ? undefined : `at least ${count(least)}${unit}`;
  return `${count(least)} to ${count(most)}${unit}`;
}

/**
 * Returns the parts of a schema that a reader can open: its fields, the items of an array, or its variants.
 *
 * @returns {{name: string, schema: object, isRequired?: boolean}[]}
 */
export function partsOf(document, schema) {
  return allParts(document, schema).slice(0, MAX_PARTS);
}

function allParts(document, schema) {
  const variants = variantsOf(schema);
  if (variants) return variants.map((variant, index) => ({ name: `variant ${index + 1}`, schema: variant }));
  if (schema.type === "array" || schema.items) return itemParts(document, schema.items);

  const { properties = {}, required = [], additionalProperties } = merged(document, schema);
  const fields = Object.entries(properties).map(([name, field]) => ({
    name, schema: field, isRequired: required.includes(name),
  }));
  if (!hasContent(additionalProperties)) return fields;
  return [...fields, { name: "(any other name)", schema: additionalProperties }];
}

/** Returns the parts of the items of an array. Simple items have none: the type of the array names theirs. */
function itemParts(document, items = {}) {
  const { schema } = resolve(document, items);
  return variantsOf(schema) || schema.properties || schema.allOf ? [{ name: "each item", schema: items }] : [];
}

function hasContent(schema) {
  return typeof schema === "object" && schema !== null && Object.keys(schema).length > 0;
}
