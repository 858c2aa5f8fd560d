// The callers whose usage is above a new quota already.

import { pages, segments } from "../../app/api.js";
import { dayIn, firstDay } from "./periods.js";

/** The number of keys whose usage is read. */
export const MAX_KEYS = 2_000;

/**
 * Reads the units of each caller of a plan since the first day of the current period of a quota. Keys of a group,
 * and all keys of a plan with shared limits, are one caller.
 *
 * @returns {Promise<{callers: {name: string, keyId?: string, used: number}[], isMore: boolean, zones: string[]}>}
 */
export async function readUsage(plan, quota, { isShared, signal, now = new Date() }) {
  const from = firstDay(quota, now);
  const to = dayIn(quota.time_zone ?? "UTC", now);
  const callers = new Map();
  const zones = new Set();
  let read = 0;

  for await (const rows of pages(`${segments("plans", plan)}/usage`, { from, to, by: "total" }, { signal })) {
    for (const row of rows) {
      const caller = callerOf(row, plan, isShared);
      const previous = callers.get(caller.name)?.used ?? 0;
      callers.set(caller.name, { ...caller, used: previous + row.units });
      zones.add(row.time_zone);
    }
    read += rows.length;
    if (read >= MAX_KEYS) return { callers: [...callers.values()], isMore: true, zones: [...zones] };
  }
  return { callers: [...callers.values()], isMore: false, zones: [...zones] };
}

function callerOf({ key_id: keyId, group }, plan, isShared) {
  if (isShared) return { name: `all keys of the plan ${plan} together` };
  return group ? { name: `the group ${group}` } : { name: keyId, keyId };
}

/** Returns the callers that a limit refuses at once, those with the most calls first. */
export function callersAbove(callers, limit) {
  return callers.filter(({ used }) => used >= limit).sort((one, other) => other.used - one.used);
}
