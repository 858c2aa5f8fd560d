// The description of the API (OpenAPI 3.1), and its operations in order.

import { KIND } from "../../app/api_error.js";
import { consoleApi, DESCRIPTION, send } from "../../app/api.js";

const METHODS = ["get", "put", "post", "patch", "delete", "head", "options"];
/** The header of a response with the description of the program in place of the target's. */
const SOURCE = "x-tollgate-console-description";

/** The description, once it is loaded. It does not change while the page is open. */
let loaded;

/** Returns the description that was loaded before, or undefined. */
export function loadedDescription() {
  return loaded;
}

/**
 * Loads the description: that of the target, or the program's own if the target publishes none.
 *
 * @returns {Promise<{document: object, isOwn: boolean, operations: object[]}>}
 */
export async function loadDescription(signal) {
  const { document, isOwn } = await published(signal);
  loaded = { document, isOwn, operations: operationsOf(document) };
  return loaded;
}

async function published(signal) {
  try {
    const response = await send("GET", DESCRIPTION, { signal });
    return { document: await response.json(), isOwn: response.headers.get(SOURCE) === "program" };
  } catch (error) {
    if (error.kind !== KIND.denied && error.status !== 404) throw error;
    const { data } = await consoleApi.get("/openapi.json", { signal });
    return { document: data, isOwn: true };
  }
}

/** Returns the operations of a description, sorted by the order of its tags. */
export function operationsOf({ paths = {}, tags = [] }) {
  const order = new Map(tags.map(({ name }, index) => [name, index]));
  const operations = Object.entries(paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
    .map((method) => operationOf(path, method, item[method], item.parameters)));
  const place = ({ tag }) => order.get(tag) ?? order.size;
  return operations.sort((a, b) => place(a) - place(b));
}

function operationOf(path, method, operation, shared = []) {
  return {
    ...operation,
    id: operation.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: operation.tags?.[0] ?? "other",
    title: operation.summary ?? `${method.toUpperCase()} ${path}`,
    parameters: [...shared, ...(operation.parameters ?? [])],
  };
}

/** Returns the operations that contain every word of a search. */
export function matching(operations, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return operations.filter((operation) => {
    const text = textOf(operation);
    return words.every((word) => text.includes(word));
  });
}

/** Returns the text that is searched. Descriptions are not a part of it: they contain too many words. */
function textOf({ id, method, path, tag, title, parameters }) {
  const names = parameters.map(({ name }) => name).join(" ");
  return `${id} ${method} ${path} ${tag} ${title} ${names}`.toLowerCase();
}

/** Returns operations by tag, as `[tag, operations]`. */
export function byTag(operations) {
  const groups = new Map();
  for (const operation of operations) groups.set(operation.tag, [...(groups.get(operation.tag) ?? []), operation]);
  return [...groups];
}
