// The usage of all keys, joined to the list on demand.

import { pages } from "../../app/api.js";
import { utcDay } from "../../app/format.js";

const DAY_MS = 86_400_000;
/** The most keys whose usage is read. */
const MOST_KEYS = 20_000;
/** The periods of the last use: each begins so many days ago. */
const LAST_USE_DAYS = [0, 6, 29, 89];

async function usageOf(parameters, signal, onProgress) {
  const rows = new Map();
  for await (const page of pages("/usage", parameters, { signal })) {
    for (const row of page) rows.set(row.key_id, row);
    onProgress?.(rows.size);
    if (rows.size >= MOST_KEYS) break;
  }
  return rows;
}

/** Returns the usage of the current month by key. */
export function monthUsage(signal, onProgress) {
  return usageOf({}, signal, onProgress);
}

/**
 * Returns the days since the last call by key, as the shortest period of `LAST_USE_DAYS` with a call.
 * Keys without a call in the longest period are missing.
 */
export async function lastUse(signal, onProgress, now = Date.now()) {
  const to = utcDay(now);
  const found = new Map();
  let done = 0;
  for (const days of LAST_USE_DAYS) {
    const from = utcDay(now - days * DAY_MS);
    const read = done;
    const rows = await usageOf({ from, to, time_zone: undefined }, signal, (size) => onProgress?.(read + size));
    done += rows.size;
    for (const [id, { calls }] of rows) {
      if (calls > 0 && !found.has(id)) found.set(id, days);
    }
  }
  return found;
}

/** Returns the period of a key's last call in words. `createdAt` tells new keys from unused ones. */
export function lastUseText(days, createdAt, now = Date.now()) {
  if (days === 0) return "today (UTC)";
  if (days !== undefined) return `last ${days + 1} days`;
  const longest = LAST_USE_DAYS.at(-1) + 1;
  const isNew = createdAt && now - Date.parse(createdAt) < longest * DAY_MS;
  return isNew ? "no call yet" : `not in ${longest} days`;
}
