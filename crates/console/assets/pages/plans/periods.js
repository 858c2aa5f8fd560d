// The periods of quotas in the time zones of the plan.

/** The periods of a quota, with the words for them. */
export const PERIODS = [
  { value: "hour", text: "per hour" },
  { value: "day", text: "per day" },
  { value: "week", text: "per week" },
  { value: "month", text: "per month" },
  { value: "year", text: "per year" },
  { value: "total", text: "in total, never starts anew" },
];

/** The periods that have a time zone. */
export const ZONED = ["day", "week", "month", "year"];

const DAY_MS = 86_400_000;

/** Returns the name of a quota: its own one, or its period. */
export function quotaName(quota) {
  return quota.name ?? quota.period;
}

/** True if two quotas count the same periods, so that the usage of one counts for the other. */
export function isSamePeriod(one, other) {
  const key = ({ period, time_zone: zone = "UTC", starts_on: day = 1 }) => `${period} ${zone} ${day}`;
  return key(one) === key(other);
}

/** Returns the day of an instant in a time zone, as `YYYY-MM-DD`. */
export function dayIn(zone, now) {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  return parts.format(now);
}

/** True if the browser knows a time zone. The API may know more. */
function isKnownZone(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

/**
 * Returns the first day of the current period of a quota, as `YYYY-MM-DD`. Undefined for hours and for quotas
 * that never start anew, because usage reports have days. Undefined too if the browser does not know the time zone.
 */
export function firstDay(quota, now = new Date()) {
  const { period, starts_on: startsOn = 1, time_zone: zone = "UTC" } = quota;
  if (!ZONED.includes(period) || !isKnownZone(zone)) return undefined;

  const today = new Date(`${dayIn(zone, now)}T00:00:00Z`);
  const iso = (date) => date.toISOString().slice(0, 10);
  if (period === "day") return iso(today);
  if (period === "year") return `${today.getUTCFullYear()}-01-01`;
  if (period === "week") {
    // getUTCDay counts from Sunday, `starts_on` from Monday.
    const sinceStart = (today.getUTCDay() + 6 - (startsOn - 1)) % 7;
    return iso(new Date(today - sinceStart * DAY_MS));
  }

  const thisMonth = startOfMonth(today.getUTCFullYear(), today.getUTCMonth(), startsOn);
  return iso(thisMonth <= today ? thisMonth : startOfMonth(today.getUTCFullYear(), today.getUTCMonth() - 1, startsOn));
}

/** A month with fewer days starts on its last day. */
function startOfMonth(year, month, startsOn) {
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month, Math.min(startsOn, last)));
}
