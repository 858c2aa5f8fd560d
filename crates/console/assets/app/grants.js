// Grants of a key: which are in force, and what can be granted.

/** Returns the calls of a grant that were not taken back. */
function netAmount({ amount, revoked }) {
  return amount - (revoked ?? 0);
}

/**
 * Returns the ids of listed grants that are not in force. Grants belong to the periods of a quota and to a group. After
 * a move to a plan with other periods they are still listed, but the limits do not contain them.
 *
 * @param {{id: string, quota: string, amount: number, revoked?: number}[]} items the newest first
 * @param {Map<string, number>} granted the granted calls that the limit of each quota contains, if they are known
 */
export function idleGrants(items, granted) {
  const idle = new Set();
  for (const [quota, total] of granted) {
    const ofQuota = items.filter((item) => item.quota === quota);
    const inForce = newestWithSum(ofQuota, total);
    if (inForce !== undefined) for (const item of ofQuota.slice(inForce)) idle.add(item.id);
  }
  for (const { id, quota } of items) if (granted.size > 0 && !granted.has(quota)) idle.add(id);
  return idle;
}

/** Returns how many of the newest grants have a sum, or undefined if no number of them has. All of them win. */
function newestWithSum(items, sum) {
  let found = sum === 0 ? 0 : undefined;
  let total = 0;
  for (const [index, item] of items.entries()) {
    total += netAmount(item);
    if (total === sum) found = index + 1;
  }
  return found;
}

/** Returns what is wrong with a number of calls, or undefined. */
export function amountMistake(text) {
  if (text.trim() === "") return "Enter the number of calls first.";
  const isWhole = /^\s*[-+]?\d+\s*$/.test(text) && Number(text) !== 0;
  if (!isWhole) return "Enter a whole number other than 0, without separators.";
  return Number.isSafeInteger(Number(text)) ? undefined : "The number is too large.";
}
