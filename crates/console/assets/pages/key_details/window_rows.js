// The limits of a key with what is left of each.

import { count } from "../../app/format.js";
import { rate } from "../../app/rate.js";
import { limitsOf } from "../../app/rate_limit.js";

/**
 * Returns a row for each limit: quotas from the report, rate limits from the decision.
 *
 * @param {{quotas: object[], decision?: object}} live
 * @param {object} [plan]
 * @returns {{name: string, text: string, total: number, used?: number, remaining?: number, granted?: number,
 *   endsAt?: string, resetS?: number}[]} `total` contains granted calls. `granted` is undefined if it is not known.
 */
export function rowsOf({ quotas, decision }, plan) {
  const limits = limitsOf(decision ?? {});
  const names = new Set(quotas.map(({ name }) => name));
  const rates = limits.filter(({ name }) => !names.has(name));
  return [...rates.map((limit) => rateRow(limit, plan)), ...quotas.map((quota) => quotaRow(quota, limits))];
}

function rateRow({ name, limit, windowS, remaining, resetS }, plan) {
  const throttle = plan?.algorithm === "sliding_window" ? undefined : plan?.throttle;
  const span = throttle ? `refilled with ${rate(throttle.rate)} per s` : `in any ${count(windowS)} s`;
  const used = remaining === undefined ? undefined : Math.max(0, limit - remaining);
  return { name, text: `${count(limit)} calls, ${span}`, total: limit, used, remaining, resetS, isRate: true };
}

function quotaRow({ name, limit, period, usage: [used, remaining], ends_at: endsAt }, limits) {
  const granted = grantedOf({ name, limit, used, remaining }, limits);
  const text = `${count(limit)} ${period === "total" ? "in total" : `per ${period}`}${grantText(granted)}`;
  return { name, text, total: limit + (granted ?? 0), used, remaining, granted, endsAt };
}

/** Returns the granted calls that a limit contains, below 0 if calls were removed. */
function grantedOf({ name, limit, used, remaining }, limits) {
  const decided = limits.find((candidate) => candidate.name === name)?.limit;
  if (decided !== undefined) return decided - limit;
  // A quota with nothing left may also be used beyond its limit.
  return remaining > 0 ? used + remaining - limit : undefined;
}

function grantText(granted) {
  if (!granted) return "";
  return granted > 0 ? `, ${count(granted)} granted` : `, ${count(-granted)} removed`;
}

/** Returns the granted calls of each quota for which they are known. */
export function grantedByQuota(live) {
  if (!live) return new Map();
  const rows = rowsOf(live).filter(({ isRate, granted }) => !isRate && granted !== undefined);
  return new Map(rows.map(({ name, granted }) => [name, granted]));
}
