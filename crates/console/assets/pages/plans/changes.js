// What a new version of a plan changes, in words.

import { count } from "../../app/format.js";
import { rate } from "../../app/rate.js";
import { isSamePeriod, quotaName } from "./periods.js";

const ON_STORE_FAILURE = {
  allow: "calls pass while the store does not respond",
  deny: "calls are refused while the store does not respond",
  local: "each instance applies its share of the limits while the store does not respond",
};

const change = (effect, text) => ({ effect, text });
const compare = (before, after, textOf, format = count) => {
  if (before === after) return [];
  return [change(after < before ? "tighter" : "looser", textOf(format(after), format(before)))];
};

/**
 * Returns the changes between two plans.
 *
 * @returns {{effect: "tighter"|"looser"|"other", text: string}[]}
 */
export function planChanges(before, after) {
  return [
    ...stateChanges(before, after),
    ...rateChanges(before, after),
    ...routeChanges(before.routes ?? {}, after.routes ?? {}),
    ...quotaChanges(before.quotas ?? [], after.quotas ?? []),
    ...otherChanges(before, after),
  ];
}

function stateChanges(before, after) {
  const changes = [];
  const switched = (name, byDefault, on, off) => {
    const [was, is] = [before[name] ?? byDefault, after[name] ?? byDefault];
    if (was !== is) changes.push(is ? on : off);
  };
  switched("enabled", true,
    change("looser", "The plan is enabled: calls are admitted again, up to the limits."),
    change("tighter", "The plan is disabled: all calls are refused with 403 (plan_disabled)."));
  switched("shadow", false,
    change("looser", "Dry run: calls over a limit pass and are not charged."),
    change("tighter", "The dry run ends: calls over a limit are refused with 429."));
  switched("shared_by_plan", false,
    change("tighter", "All callers of the plan share one set of limits."),
    change("looser", "Each caller has its own limits."));
  return changes;
}

/** Returns the rate limit as a text, or undefined. */
function rateText({ throttle, algorithm, limit, window_s: window }) {
  if (algorithm === "sliding_window") return `${count(limit)} calls in any ${count(window)} s`;
  return throttle && throttleText(throttle);
}

function throttleText({ rate: perSecond, burst }) {
  return `${rate(perSecond)} per second, burst ${count(burst)}`;
}

function rateChanges(before, after) {
  const [was, is] = [rateText(before), rateText(after)];
  if (!was && !is) return [];
  if (!was) return [change("tighter", `New rate limit: ${is}.`)];
  if (!is) return [change("looser", `No rate limit any more (was ${was}).`)];
  const text = `Rate limit: ${is} instead of ${was}.`;
  const isSliding = ({ algorithm }) => algorithm === "sliding_window";
  if (isSliding(before) !== isSliding(after)) return [change("other", text)];
  if (!isSliding(after)) return throttleChanges("", before.throttle, after.throttle);

  if (before.window_s === after.window_s) return compare(before.limit, after.limit, () => text);
  const isOnlyWindow = before.limit === after.limit;
  return [change(isOnlyWindow ? (after.window_s > before.window_s ? "tighter" : "looser") : "other", text)];
}

function throttleChanges(scope, before, after) {
  return [
    ...compare(before.rate, after.rate, (is, was) => `${scope}Rate: ${is} per second instead of ${was}.`, rate),
    ...compare(before.burst, after.burst, (is, was) => `${scope}Burst: ${is} calls instead of ${was}.`),
  ];
}

function routeChanges(before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (!was) return [change("tighter", `Route ${name}: new rate limit, ${throttleText(is)}.`)];
    if (!is) return [change("looser", `Route ${name}: no rate limit of its own any more (was ${throttleText(was)}).`)];
    return throttleChanges(`Route ${name}: `, was, is);
  });
}

/** Returns a quota as a text. */
function quotaText({ limit, period }) {
  return period === "total" ? `${count(limit)} calls in total` : `${count(limit)} calls per ${period}`;
}

function quotaChanges(before, after) {
  const removed = before.filter((was) => !after.some((is) => quotaName(is) === quotaName(was)));
  return [
    ...removed.map((was) => change("looser", `Quota ${quotaName(was)} is removed (was ${quotaText(was)}).`)),
    ...after.flatMap((is) => {
      const was = before.find((candidate) => quotaName(candidate) === quotaName(is));
      if (!was) return [change("tighter", `New quota ${quotaName(is)}: ${quotaText(is)}.`)];
      return changesOfQuota(was, is);
    }),
  ];
}

function changesOfQuota(was, is) {
  const name = `Quota ${quotaName(is)}`;
  const overage = [];
  if ((was.overage ?? "deny") !== (is.overage ?? "deny")) {
    overage.push(is.overage === "allow"
      ? change("looser", `${name}: calls beyond the limit pass and are counted.`)
      : change("tighter", `${name}: calls beyond the limit are refused.`));
  }
  const thresholds = JSON.stringify(was.warn_at) === JSON.stringify(is.warn_at)
    ? [] : [change("other", `${name}: threshold events at ${is.warn_at?.join(", ") ?? "no share of the limit"}.`)];
  if (!isSamePeriod(was, is)) {
    const text = `${quotaText(is)} instead of ${quotaText(was)}, in other periods. Their count starts anew.`;
    return [change("other", `${name}: ${text}`), ...overage, ...thresholds];
  }
  const limits = compare(was.limit, is.limit, (now, then) => `${name}: ${now} calls instead of ${then}.`);
  return [...limits, ...overage, ...thresholds];
}

function otherChanges(before, after) {
  const changes = [];
  const [was, is] = [before.on_store_failure ?? "allow", after.on_store_failure ?? "allow"];
  if (was !== is) changes.push(change("other", `Store failure: ${ON_STORE_FAILURE[is] ?? is}.`));

  const plain = [
    ["near_limit", "Share from which a caller is near the limit", 0.8],
    ["lease", "Calls per lease", 0],
    ["time_zone", "Time zone of usage reports", "that of the quotas"],
  ];
  for (const [field, text, byDefault] of plain) {
    const [old, now] = [before[field] ?? byDefault, after[field] ?? byDefault];
    if (old !== now) changes.push(change("other", `${text}: ${now} instead of ${old}.`));
  }
  return changes;
}

/**
 * Returns the quotas whose limit counts the calls of the current period already and becomes tighter, so that it can
 * refuse callers at once.
 */
export function tightenedQuotas(before, after) {
  if (after.shadow || after.enabled === false) return [];
  return (after.quotas ?? []).filter((is) => {
    const was = (before.quotas ?? []).find((candidate) => isSamePeriod(candidate, is));
    if (!was || is.overage === "allow") return false;
    return is.limit < was.limit || was.overage === "allow" || before.shadow === true;
  });
}
