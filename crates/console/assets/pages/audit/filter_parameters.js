// The filter of the page Audit, as it is in the address.

const DAY_MS = 86_400_000;
/** The number of days for which records are kept. */
const KEPT_DAYS = 400;

/** The periods to choose from. Without `days`, the operator chooses the first and the last day. */
export const PERIODS = [
  { value: "", title: "Last 31 days" },
  { value: "1d", title: "Last 24 hours", days: 1 },
  { value: "7d", title: "Last 7 days", days: 7 },
  { value: "all", title: "All records", days: KEPT_DAYS },
  { value: "days", title: "Choose days …" },
];

const FIELDS = ["period", "from", "to", "action", "target", "principal"];

/** Returns the filter of the parameters of an address. Each field is a string, empty without a value. */
export function filterOf(parameters) {
  const filter = Object.fromEntries(FIELDS.map((field) => [field, (parameters.get(field) ?? "").trim()]));
  if (!PERIODS.some(({ value }) => value === filter.period)) filter.period = "";
  return filter.period === "days" ? filter : { ...filter, from: "", to: "" };
}

/** True if a filter differs from the default. */
export function hasFilter(filter) {
  return FIELDS.some((field) => filter[field] !== "");
}

/** Returns the parameters of the API for a filter. The API does not select by action: see `isWanted`. */
export function apiParameters(filter, now = Date.now()) {
  const { from, to, target, principal } = filter;
  const days = PERIODS.find(({ value }) => value === filter.period)?.days;
  const start = days === undefined ? from : new Date(now - days * DAY_MS).toISOString();
  return { from: start, to, target, principal };
}

/** True if a record has the action of a filter: an action such as `key.delete`, or `key` for all on keys. */
export function isWanted(record, { action }) {
  return action === "" || record.action === action || record.action.startsWith(`${action}.`);
}
