// What changes for a key that moves from one plan to another.

import { count } from "./format.js";

/** Returns the limits of a plan by name, each with its text and a number that grows with what it allows. */
function limitsOf(plan) {
  const limits = new Map();
  if (plan.algorithm === "sliding_window") {
    const { limit, window_s: windowS } = plan;
    limits.set("Rate", { text: `${count(limit)} per ${count(windowS)} s`, size: limit / windowS });
  } else if (plan.throttle) {
    limits.set("Rate", { text: `${count(plan.throttle.rate)} per s`, size: plan.throttle.rate });
    limits.set("Burst", { text: count(plan.throttle.burst), size: plan.throttle.burst });
  }
  for (const { limit, period, overage } of plan.quotas ?? []) {
    const text = `${count(limit)}${overage === "allow" ? ", more calls are allowed" : ""}`;
    limits.set(period === "total" ? "Quota in total" : `Quota per ${period}`, {
      text,
      size: overage === "allow" ? Infinity : limit,
    });
  }
  for (const [route, { rate, burst }] of Object.entries(plan.routes ?? {})) {
    limits.set(route, { text: `${count(rate)} per s, burst ${count(burst)}`, size: rate });
  }
  return limits;
}

/**
 * Compares the limits of two plans.
 *
 * @returns {{name: string, before?: string, after?: string,
 *   change: "higher" | "lower" | "same" | "new" | "removed" | "other"}[]}
 */
export function compareLimits(from, to) {
  const [before, after] = [limitsOf(from), limitsOf(to)];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].map((name) => {
    const [old, next] = [before.get(name), after.get(name)];
    return { name, before: old?.text, after: next?.text, change: changeOf(old, next) };
  });
}

function changeOf(old, next) {
  if (!old) return "new";
  if (!next) return "removed";
  if (old.text === next.text) return "same";
  if (old.size === next.size) return "other";
  return next.size > old.size ? "higher" : "lower";
}
