// The plans, for pages that show them with other objects.

import { allItems } from "./api.js";
import { planLimits } from "./format.js";
import { useResource } from "./resource.js";

/** The most plans that are read. */
const MOST = 1_000;

const POLL_MS = 30_000;

/** Returns the plans by name as a resource. If they are not all plans, `isPartial` of the map is true. */
export function usePlans() {
  const load = async (signal) => {
    const items = await allItems("/plans", { most: MOST, signal });
    const plans = new Map(items.map(({ name, plan }) => [name, plan]));
    return Object.assign(plans, { isPartial: items.length >= MOST });
  };
  return useResource("plans", load, { pollMs: POLL_MS });
}

/** Returns what a plan does with calls in one line: its limits, and whether they apply. */
export function planSummary(plan) {
  const notes = [];
  if (plan.enabled === false) notes.push("disabled: all calls are refused");
  if (plan.shadow) notes.push("dry run: calls over the limits are allowed");
  if (plan.shared_by_plan) notes.push("all keys of the plan share the limits");
  return [planLimits(plan), ...notes].join("; ");
}
