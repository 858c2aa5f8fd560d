// The number of keys on each plan.

import { pages } from "../../app/api.js";
import { count } from "../../app/format.js";
import { useEffect, useState } from "../../app/html.js";

/** The number of keys up to which a plan's keys are counted, in pages of 100. */
const MAX_COUNTED = 1_000;
/** The number of plans whose keys are counted at the same time. */
const PARALLEL = 3;

/** Counts the keys on a plan. `isMore` is true if there are more than were counted. */
export async function countKeys(plan, signal, most = MAX_COUNTED) {
  let counted = 0;
  let first = [];
  for await (const page of pages("/keys", { plan }, { signal })) {
    counted += page.length;
    if (first.length === 0) first = page.slice(0, 10);
    if (counted > most) return { count: most, isMore: true, first };
  }
  return { count: counted, isMore: false, first };
}

/** Returns a number of keys as a text. */
export function keyCount({ count: number, isMore }) {
  return isMore ? `over ${count(number)}` : count(number);
}

/**
 * Counts the keys on plans, a few plans at a time.
 *
 * @param {string[]} names
 * @returns {Record<string, {count: number, isMore: boolean} | {error: Error}>} plans that are counted already
 */
export function useKeyCounts(names) {
  const [counts, setCounts] = useState({});
  const key = names.join("\n");

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const queue = [...names];
    const work = async () => {
      for (let name = queue.shift(); name !== undefined && !signal.aborted; name = queue.shift()) {
        const result = await countKeys(name, signal).catch((error) => ({ error }));
        const counted = name;
        if (!signal.aborted) setCounts((previous) => ({ ...previous, [counted]: result }));
      }
    };
    for (let index = 0; index < PARALLEL; index += 1) work();
    return () => controller.abort();
  }, [key]);
  return counts;
}
