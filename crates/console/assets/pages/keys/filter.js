// The search of the page Keys: its form in the address, what it matches, and its order.

import { keyState } from "../../app/key_state.js";
import { LOCALE } from "../../app/locale.js";

/** The parameters of the address. */
const PARAMETERS = ["q", "plan", "group", "state", "unused_since", "sort", "order"];
const SORTS = ["name", "calls", "last_used", "created"];

/** Returns the search of an address, with `""` for what is not set. */
export function searchOf(parameters) {
  const search = Object.fromEntries(PARAMETERS.map((name) => [name, parameters.get(name) ?? ""]));
  if (!SORTS.includes(search.sort)) search.sort = "";
  if (search.order !== "descending") search.order = "";
  if (!/^\d{4}-\d{2}-\d{2}$/.test(search.unused_since)) search.unused_since = "";
  return search;
}

/** True if a search selects keys, rather than only their order. */
export function isFiltered({ q, plan, group, state, unused_since }) {
  return [q, plan, group, state, unused_since].some((value) => value !== "");
}

const texts = new WeakMap();

/** Returns all text of a key that the search looks at, in lower case. */
function textOf(key) {
  let text = texts.get(key);
  if (text === undefined) {
    const metadata = Object.entries(key.metadata ?? {}).map(([name, value]) => `${name}=${value}`);
    const parts = [key.key_id, key.name, key.description, key.subject, key.group, key.plan, key.hint, ...metadata];
    text = parts.filter(Boolean).join("\n").toLowerCase();
    texts.set(key, text);
  }
  return text;
}

const STATE_GROUPS = {
  enabled: (state) => state !== "disabled",
  active: (state) => state === "active" || state === "expiring",
};

/** Returns the keys that a search selects. Every word of `q` has to occur. `unused_since` is the server's. */
export function selectKeys(keys, search, plans, now = Date.now(), blocked = new Set()) {
  const words = search.q.toLowerCase().split(/\s+/).filter(Boolean);
  const isState = STATE_GROUPS[search.state] ?? ((state) => state === search.state);
  return keys.filter(
    (key) =>
      (search.plan === "" || key.plan === search.plan) &&
      (search.group === "" || key.group === search.group) &&
      (search.state === "" || isState(keyState(key, plans, now, blocked.has(key.key_id)))) &&
      words.every((word) => textOf(key).includes(word)),
  );
}

const COLLATOR = new Intl.Collator(LOCALE, { numeric: true, sensitivity: "base" });

/**
 * Returns keys in the order of a search.
 *
 * @param {object[]} keys
 * @param {{sort: string, order: string}} search
 * @param {Map<string, {calls: number}>} [usage] by id
 * @param {Map<string, number>} [lastUse] days since the last call by id, Infinity if that is long ago
 */
export function sortKeys(keys, { sort, order }, usage, lastUse) {
  const values = {
    name: (key) => key.name ?? key.key_id,
    calls: (key) => usage?.get(key.key_id)?.calls ?? 0,
    last_used: (key) => -(lastUse?.get(key.key_id) ?? Number.MAX_SAFE_INTEGER),
    created: (key) => key.created_at ?? "",
  };
  const value = values[sort];
  if (!value) return keys;
  const direction = order === "descending" ? -1 : 1;
  const compare = sort === "name" ? COLLATOR.compare : (left, right) => (left < right ? -1 : left > right ? 1 : 0);
  const rows = keys.map((key) => ({ key, value: value(key) }));
  rows.sort(
    (left, right) => direction * compare(left.value, right.value) || (left.key.key_id < right.key.key_id ? -1 : 1),
  );
  return rows.map(({ key }) => key);
}

/**
 * Returns the filter of the admin API with the same keys as a search, or undefined if it has none. With
 * `isApproximate`, it selects at least the keys of the search.
 */
export function serverFilter(search, { isApproximate = false } = {}) {
  const { q, plan, group, state, unused_since } = search;
  const isExact = q === "" && ["", "enabled", "disabled"].includes(state);
  if (!isExact && !isApproximate) return undefined;
  const filter = {};
  if (plan) filter.plan = plan;
  if (group) filter.group = group;
  if (unused_since) filter.unused_since = unused_since;
  if (state === "disabled") filter.enabled = false;
  else if (state !== "" && state !== "blocked") filter.enabled = true;
  return Object.keys(filter).length > 0 ? filter : { all: true };
}

/** Returns the parameters of `GET /keys` for a filter of the admin API. */
export function listParameters(filter) {
  const { all, ...conditions } = filter ?? {};
  return conditions;
}
