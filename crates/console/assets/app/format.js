// Numbers, instants and plans as text.

import { LOCALE } from "./locale.js";
import { rate } from "./rate.js";

const NUMBER = new Intl.NumberFormat(LOCALE);
const COMPACT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });
const LOCAL = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "medium" });

/** Returns a whole number with separators, or a dash. */
export function count(value) {
  return value === undefined || value === null ? "–" : NUMBER.format(value);
}

/** Returns a number with its noun: `1 key`, `2 keys`. */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Returns a number in a short form, such as `1.2M`. */
export function compact(value) {
  return value === undefined || value === null ? "–" : COMPACT.format(value);
}

/** The least share that is shown as a number. A smaller one is not nothing. */
const LEAST_SHARE = 0.001;

/** Returns a share of a total as a percentage, or a dash if there is no total or the part is not counted. */
export function share(part, total) {
  if (!(total > 0) || part === undefined || part === null) return "–";
  const value = part / total;
  return value > 0 && value < LEAST_SHARE / 2 ? `under ${PERCENT.format(LEAST_SHARE)}` : PERCENT.format(value);
}

/** Returns a duration in milliseconds with its unit. */
export function milliseconds(value) {
  if (value === undefined || value === null) return "–";
  return value >= 1_000 ? `${NUMBER.format(Math.round(value / 100) / 10)} s` : `${NUMBER.format(Math.round(value * 10) / 10)} ms`;
}

/** Returns a duration in seconds in its two largest units, such as `21 h 3 min`. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first === -1) return "0 s";
  const [name, size] = units[first];
  const text = `${count(Math.floor(whole / size))} ${name}`;
  const [smaller, part] = units[first + 1] ?? ["s", 1];
  const rest = Math.floor((whole % size) / part);
  return rest > 0 ? `${text} ${rest} ${smaller}` : text;
}

/** True if the viewer's time zone has the time of UTC at an instant. */
export function isUtcZone(instant) {
  return new Date(instant).getTimezoneOffset() === 0;
}

/** Returns an instant in the viewer's time zone. */
export function localTime(instant) {
  return LOCAL.format(new Date(instant));
}

/** Returns an instant in UTC, such as `2026-11-30 09:41:07 UTC`. */
export function utcTime(instant) {
  return `${new Date(instant).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Returns the day of an instant in UTC, as `YYYY-MM-DD`. */
export function utcDay(instant) {
  return new Date(instant).toISOString().slice(0, 10);
}

/** Returns the time since an instant, such as `5 min ago`. */
export function ago(instant, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - new Date(instant)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Returns the limits of a plan in one line, such as `10/s, burst 20, 1,000 per day`. */
export function planLimits(plan) {
  const parts = [];
  if (plan.algorithm === "sliding_window") {
    parts.push(`${count(plan.limit)} per ${count(plan.window_s)} s`);
  } else if (plan.throttle) {
    parts.push(`${rate(plan.throttle.rate)}/s`, `burst ${count(plan.throttle.burst)}`);
  }
  for (const quota of plan.quotas ?? []) {
    parts.push(`${count(quota.limit)} ${quota.period === "total" ? "in total" : `per ${quota.period}`}`);
  }
  return parts.length === 0 ? "no limits" : parts.join(", ");
}
