// Changes of single fields of a plan.

/**
 * Returns an object with a field set, or without it if the value is undefined. The order of fields is kept.
 *
 * @template {object} T
 * @param {T} object
 * @returns {T}
 */
export function withField(object, name, value) {
  const changed = { ...object, [name]: value };
  if (value === undefined) delete changed[name];
  return changed;
}

/** Returns the text of the first mistake of a field, by its pointer. */
export function mistakeAt(check, pointer) {
  return check.errors.find((error) => error.pointer === pointer)?.detail;
}

/** The kinds of rate limits of the form. */
export const RATE_KINDS = [
  { value: "none", text: "No rate limit" },
  { value: "bucket", text: "Rate and burst (token bucket)" },
  { value: "window", text: "Calls per window (sliding window)" },
];

/** Returns the kind of rate limit of a plan. */
export function rateKind(plan) {
  if (plan.algorithm === "sliding_window") return "window";
  return plan.throttle ? "bucket" : "none";
}

/** Returns a plan with another kind of rate limit, with values to begin with. */
export function withRateKind(plan, kind) {
  const { throttle, algorithm, window_s: window, limit, ...rest } = plan;
  if (kind === "bucket") return { throttle: throttle ?? { rate: 10, burst: 20 }, ...rest };
  if (kind === "window") return { algorithm: "sliding_window", window_s: window ?? 60, limit: limit ?? 100, ...rest };
  return rest;
}

/** Returns a plan with another value of a quota, or without the quota if `quota` is undefined. */
export function withQuota(plan, index, quota) {
  const quotas = [...(plan.quotas ?? [])];
  if (quota === undefined) quotas.splice(index, 1);
  else quotas[index] = quota;
  return withField(plan, "quotas", quotas.length > 0 ? quotas : undefined);
}

/** True if a value can be shown by the form: fields that it reads have the expected kinds of values. */
export function isForForm(plan) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isObject(plan)) return false;
  const { throttle, quotas = [] } = plan;
  return (throttle === undefined || isObject(throttle)) && Array.isArray(quotas) && quotas.every(isObject);
}
