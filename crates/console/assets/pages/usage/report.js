// The report of the page Usage: its form in the address, its days, and the parameters of the API.

import { LOCALE } from "../../app/locale.js";

/** The periods of a row. */
export const PERIODS = [
  { by: "total", title: "Per key" },
  { by: "day", title: "Per key and day" },
  { by: "month", title: "Per key and month" },
];
/** The months that the choice offers: usage of a day is kept for 400 days. */
const MONTHS = 13;
/** The time zone of plans that name none. */
export const DEFAULT_ZONE = "UTC";
const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Returns the report of an address. With `from`, it covers any days, otherwise one month.
 *
 * @param {URLSearchParams} parameters
 * @returns {{month: string, from: string, to: string, by: string, plan: string, group: string, zone: string}}
 */
export function reportOf(parameters, now = Date.now()) {
  const value = (name) => parameters.get(name) ?? "";
  const zone = value("zone");
  const isDays = DAY.test(value("from")) && DAY.test(value("to"));
  const month = MONTH.test(value("month")) ? value("month") : currentMonth(zone, now);
  const by = PERIODS.some((period) => period.by === value("by")) ? value("by") : PERIODS[0].by;
  const days = isDays ? { month: "", from: value("from"), to: value("to") } : { month, from: "", to: "" };
  return { ...days, by, plan: value("plan"), group: value("group"), zone };
}

/** True if a report covers only some of the keys. */
export function isFiltered({ plan, group }) {
  return plan !== "" || group !== "";
}

/** Returns the current month in a time zone, or in UTC, such as `2026-11`. */
export function currentMonth(zone, now = Date.now()) {
  const parts = monthParts(now, zone || DEFAULT_ZONE) ?? monthParts(now, DEFAULT_ZONE);
  return `${parts.year}-${parts.month}`;
}

function monthParts(now, timeZone) {
  try {
    const parts = new Intl.DateTimeFormat("en", { year: "numeric", month: "2-digit", timeZone }).formatToParts(now);
    return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  } catch {
    // The browser does not know a zone of the address. The API says so.
    return undefined;
  }
}

/** Returns the months of the choice, the newest first. */
export function months(zone, now = Date.now()) {
  const [year, month] = currentMonth(zone, now).split("-").map(Number);
  return Array.from({ length: MONTHS }, (_, index) => {
    const first = new Date(Date.UTC(year, month - 1 - index, 1));
    return first.toISOString().slice(0, 7);
  });
}

/** Returns the first and the last day of a report. The last one is undefined for the month to date. */
export function daysOf({ month, from, to, zone }, now = Date.now()) {
  if (!month) return { from, to };
  if (month >= currentMonth(zone, now)) return { from: `${month}-01`, to: undefined };
  const [year, number] = month.split("-").map(Number);
  return { from: `${month}-01`, to: new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10) };
}

/** The most days of a report, as in the API. */
const MOST_DAYS = 366;

/** Returns what is wrong with the days of a report, or undefined. */
export function daysProblem({ from, to }) {
  if (!DAY.test(from) || !DAY.test(to)) return "Enter both days.";
  const number = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (number < 1) return "The first day is after the last day.";
  return number > MOST_DAYS ? `A report has at most ${MOST_DAYS} days.` : undefined;
}

/** Returns the parameters of the API for a report. */
export function parametersOf(report, now = Date.now()) {
  const { by, plan, group, zone } = report;
  return { ...daysOf(report, now), by: by === "total" ? undefined : by, plan, group, time_zone: zone };
}

const MONTH_NAME = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });

/** Returns a month in words, such as `November 2026`. */
export function monthText(month) {
  return MONTH_NAME.format(new Date(`${month}-01T00:00:00Z`));
}

/** Returns the days of a report in words. */
export function reportText({ month, from, to }) {
  return month ? monthText(month) : `${from} to ${to}`;
}

/** Returns the name of the CSV file of a report. */
export function fileName({ month, from, to, by }) {
  const days = month || `${from}-to-${to}`;
  return `tollgate-usage-${days}${by === "total" ? "" : `-by-${by}`}.csv`;
}

/** Returns the time zone of a plan's days: its own, or that of its quotas if they have the same one. */
export function zoneOf({ time_zone: zone, quotas = [] }) {
  const zones = new Set(quotas.map((quota) => quota.time_zone ?? DEFAULT_ZONE));
  return zone ?? (zones.size === 1 ? [...zones][0] : DEFAULT_ZONE);
}
