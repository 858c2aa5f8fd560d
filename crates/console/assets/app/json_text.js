// JSON as text: formatting, and the positions of values.

const MAX_LINE = 88;
const INDENT = "  ";

/**
 * Returns a value as JSON for readers. Objects that fit into one line are written on one line, except the outermost
 * one. Lists of objects have a line per object, so that two versions are easy to compare.
 *
 * @param {unknown} value a value of `JSON.parse`
 */
export function formatJson(value, indent = "") {
  const line = oneLine(value);
  const isShort = indent !== "" && indent.length + line.length <= MAX_LINE && !hasObjects(value);
  if (!isObject(value) || line.length <= 2 || isShort) return line;

  const inner = indent + INDENT;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item) => formatJson(item, inner))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${formatJson(item, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function isObject(value) {
  return value !== null && typeof value === "object";
}

/** True if a value is a list of objects. */
function hasObjects(value) {
  return Array.isArray(value) && value.some(isObject);
}

function oneLine(value) {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const parts = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${oneLine(item)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/** Returns the value of a JSON text, or undefined if the text is not JSON. */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the line of an offset in a text, from 1. */
export function lineAt(text, offset) {
  let line = 1;
  for (let index = text.indexOf("\n"); index !== -1 && index < offset; index = text.indexOf("\n", index + 1)) line += 1;
  return line;
}

/** Returns the offset of a line and a column, both from 1. Positions beyond the text become its end. */
export function offsetAt(text, line, column = 1) {
  let start = 0;
  for (let current = 1; current < line; current += 1) {
    const end = text.indexOf("\n", start);
    if (end === -1) return text.length;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return Math.min(start + column - 1, end === -1 ? text.length : end);
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

/**
 * Returns the offset of the value that a JSON pointer names, or of its nearest parent that exists. For a
 * field of an object, this is the offset of its name. Returns 0 if the text is not JSON.
 *
 * @param {string} text
 * @param {string} pointer such as `/rules/1/auth`
 */
export function offsetOf(text, pointer) {
  const path = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  let best = { depth: 0, offset: 0 };
  const stack = [];
  let previous = "";

  for (const { 0: token, index: offset } of text.matchAll(TOKEN)) {
    const top = stack.at(-1);
    const isName = top?.isObject && token.startsWith('"') && (previous === "{" || previous === ",");
    if (isName) Object.assign(top, { name: parseJson(token), offset });
    if (token === "," && top && !top.isObject) top.name = String(Number(top.name) + 1);

    const isValue = !isName && !["}", "]", ",", ":"].includes(token);
    if (isValue && top) {
      const depth = matchingDepth(stack, path);
      if (depth === stack.length && depth > best.depth) best = { depth, offset: top.isObject ? top.offset : offset };
      if (best.depth === path.length) break;
    }

    if (token === "{") stack.push({ isObject: true, name: undefined, offset });
    if (token === "[") stack.push({ isObject: false, name: "0", offset });
    if (token === "}" || token === "]") stack.pop();
    previous = token;
  }
  return best.offset;
}

/** Returns how many names of the open objects and lists agree with the path, from the outermost. */
function matchingDepth(stack, path) {
  const index = stack.findIndex(({ name }, depth) => name !== path[depth]);
  return index === -1 ? stack.length : index;
}
