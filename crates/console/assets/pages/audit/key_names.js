// The names of keys, for records that have only their ids.

import { allItems } from "../../app/api.js";
import { useResource } from "../../app/resource.js";

/** The number of keys whose names are loaded. Other keys are shown by their id. */
const MAX_KEYS = 300;

/**
 * Returns the names of keys by their id: those that the records contain, and those of stored keys.
 *
 * @param {object[]} records
 * @returns {Map<string, string>} empty if the names cannot be read, which is no reason to hide the records
 */
export function useKeyNames(records) {
  const stored = useResource("names of keys", (signal) => allItems("/keys", { most: MAX_KEYS, signal }));
  const names = new Map();
  for (const record of records) {
    for (const { target, changes } of record.keys ?? [record]) add(names, target, nameIn(changes));
  }
  for (const { key_id: id, name } of stored.data ?? []) add(names, id, name);
  return names;
}

/** Returns the name in the changes of a key: the new one, or the one that it had. */
function nameIn(changes) {
  const change = changes?.["/name"];
  return change?.new ?? change?.old;
}

/** Adds a name. Records are the newest first, so the first name is the latest. */
function add(names, id, name) {
  if (typeof name === "string" && name !== "" && !names.has(id)) names.set(id, name);
}

/** Returns the ids of keys whose name contains a text, at most `most` of them. */
export function idsNamed(names, text, most = 5) {
  const wanted = text.toLowerCase();
  return [...names].filter(([, name]) => name.toLowerCase().includes(wanted)).map(([id]) => id).slice(0, most);
}
