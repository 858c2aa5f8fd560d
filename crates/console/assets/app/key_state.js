// The states of a key, and what each one means for its calls.

const DAY_MS = 86_400_000;
/** The time before its end in which a key counts as expiring soon. */
const SOON_MS = 14 * DAY_MS;

/** The states by id: the label, the kind of the badge, and the meaning. */
export const KEY_STATES = {
  active: { label: "Active", kind: "ok", meaning: "The key is valid. Its limits apply." },
  blocked: { label: "Blocked", kind: "problem", meaning: "A block refuses all calls with this key." },
  expiring: { label: "Expires soon", kind: "warning", meaning: "The key is valid until it expires. Its limits apply." },
  disabled: { label: "Disabled", kind: "problem", meaning: "Calls with this key are refused until it is enabled." },
  expired: {
    label: "Expired",
    kind: "problem",
    meaning: "Calls with this key are refused. Change its expiry to accept them.",
  },
  not_yet_valid: {
    label: "Not yet valid",
    kind: "warning",
    meaning: "Calls with this key are refused until it becomes valid.",
  },
  plan_disabled: {
    label: "Plan disabled",
    kind: "problem",
    meaning: "Calls are refused because the plan of the key is disabled.",
  },
  plan_missing: {
    label: "Plan missing",
    kind: "problem",
    meaning: "Calls are refused because the plan of the key does not exist.",
  },
};

/**
 * Returns the id of a key's state.
 *
 * @param {object} key as the admin API returns it
 * @param {Map<string, object> & {isPartial?: boolean}} [plans] the plans by name, if they are known
 * @param {number} [now] in milliseconds
 * @param {boolean} [isBlocked]
 */
export function keyState(key, plans, now = Date.now(), isBlocked = false) {
  if (isBlocked) return "blocked";
  if (!key.enabled) return "disabled";
  if (key.expires_at && Date.parse(key.expires_at) <= now) return "expired";
  if (key.not_before && Date.parse(key.not_before) > now) return "not_yet_valid";
  if (plans && !plans.isPartial && !plans.has(key.plan)) return "plan_missing";
  if (plans?.get(key.plan)?.enabled === false) return "plan_disabled";
  if (key.expires_at && Date.parse(key.expires_at) <= now + SOON_MS) return "expiring";
  return "active";
}
