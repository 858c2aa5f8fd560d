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

/** Returns the first mistake of a field as a sentence, by its pointer. */
export function mistakeAt(check, pointer) {
  const detail = check.errors.find((error) => error.pointer === pointer)?.detail;
  return detail && sentence(detail, pointer.split("/").at(-1));
}

/** Returns a mistake without the name of the field: the label above it has other words. */
function sentence(detail, name) {
  const text = detail.replace(new RegExp(`^\`?(?:\\w+\\.)*${name}\`? is `), "The value is ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
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

/** The fields that the form shows as texts. */
const FIELDS = ["algorithm", "limit", "window_s", "near_limit", "on_store_failure"];
const THROTTLE_FIELDS = ["rate", "burst"];
const QUOTA_FIELDS = ["limit", "period", "starts_on", "time_zone", "name"];

/** True if a value can be shown by the form: fields that it reads have the expected kinds of values. */
export function isForForm(plan) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const hasTexts = (object, names) => names.every((name) => object[name] === null || typeof object[name] !== "object");
  if (!isObject(plan) || !hasTexts(plan, FIELDS)) return false;

  const { throttle, quotas = [] } = plan;
  const isThrottle = throttle === undefined || (isObject(throttle) && hasTexts(throttle, THROTTLE_FIELDS));
  const isQuota = (quota) => isObject(quota) && hasTexts(quota, QUOTA_FIELDS);
  return isThrottle && Array.isArray(quotas) && quotas.every(isQuota);
}
