// What changes for a key that moves from one plan to another.

import { count } from "./format.js";
import { rate } from "./rate.js";

/** Returns the limits of a plan by name, each with its text and the numbers that it is compared by. */
function limitsOf(plan) {
  const limits = new Map();
  if (plan.algorithm === "sliding_window") {
    const { limit, window_s: windowS } = plan;
    limits.set("Rate", { text: `${count(limit)} in any ${count(windowS)} s`, sizes: [limit, limit / windowS] });
  } else if (plan.throttle) {
    limits.set("Rate", { text: `${rate(plan.throttle.rate)} per s`, sizes: [plan.throttle.rate] });
    limits.set("Burst", { text: count(plan.throttle.burst), sizes: [plan.throttle.burst] });
  }
  for (const quota of plan.quotas ?? []) limits.set(`Quota ${quota.name ?? quota.period}`, limitOfQuota(quota));
  for (const [route, throttle] of Object.entries(plan.routes ?? {})) {
    const text = `${rate(throttle.rate)} per s, burst ${count(throttle.burst)}`;
    limits.set(route, { text, sizes: [throttle.rate, throttle.burst] });
  }
  return limits;
}

function limitOfQuota({ limit, period, time_zone: zone = "UTC", starts_on: day, overage }) {
  const isOpen = overage === "allow";
  const span = period === "total" ? "in total" : `per ${period}`;
  const place = [zone !== "UTC" && zone, day !== undefined && `from day ${day}`].filter(Boolean).join(", ");
  const text = `${count(limit)} ${span}${place ? ` (${place})` : ""}${isOpen ? ", more calls pass" : ""}`;
  return { text, sizes: [isOpen ? Infinity : limit], period: `${period} ${zone} ${day ?? 1}` };
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
  if (old.period !== next.period || old.sizes.length !== next.sizes.length) return "other";
  const differences = old.sizes.map((size, index) => Math.sign(compared(next.sizes[index], size)));
  if (differences.every((sign) => sign === 0)) return "same";
  if (differences.every((sign) => sign >= 0)) return "higher";
  return differences.every((sign) => sign <= 0) ? "lower" : "other";
}

/** Returns the difference of two sizes, of which both may be infinite. */
function compared(one, other) {
  return one === other ? 0 : one - other;
}

/** Returns sentences about whether and for whom the limits of a plan apply, if that is not the usual. */
export function planNotes({ enabled, shadow, shared_by_plan: isShared }) {
  return [
    enabled === false && "The new plan is disabled: all calls with the key would be refused with 403.",
    shadow && "The new plan is a dry run: calls over its limits pass.",
    isShared && "All keys of the new plan share one set of limits.",
  ].filter(Boolean);
}
