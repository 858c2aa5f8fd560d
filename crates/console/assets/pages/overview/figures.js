// Figures derived from an overview: rates, shares and their trend.

/** The ranges of an overview: their names, durations, and how much of it counts as recent. */
export const RANGES = [
  { name: "15m", title: "15 minutes", recentS: 300, recent: "5 minutes", pollMs: 30_000 },
  { name: "3h", title: "3 hours", recentS: 1_800, recent: "30 minutes", pollMs: 60_000 },
  { name: "1d", title: "24 hours", recentS: 10_800, recent: "3 hours", pollMs: 60_000 },
  { name: "7d", title: "7 days", recentS: 86_400, recent: "24 hours", pollMs: 300_000 },
];

/** The outcomes of requests other than success, with the field of the figures. */
export const OUTCOMES = [
  { field: "throttled", status: "429", title: "Throttled", color: 2, isRefusal: true },
  { field: "unauthorized", status: "401", title: "Unauthorized", color: 3, isRefusal: true },
  { field: "forbidden", status: "403", title: "Forbidden", color: 5, isRefusal: true },
  { field: "server_errors", status: "5xx", title: "Server errors", color: 4 },
];

/** The seconds over which the current rate is averaged, at most. Steps of an overview may be longer. */
const NOW_S = 10;
/** Shares closer than this are the same. */
const SAME_SHARE = 0.001;

/** Returns the range of a name, or the first one. */
export function rangeOf(name) {
  return RANGES.find((range) => range.name === name) ?? RANGES[0];
}

/** The least number of points of a chart. */
const MIN_POINTS = 60;

/** Returns the points of an overview since the counting began, and at least `MIN_POINTS`. */
export function countedPoints({ points, step_s: stepS, counted_since: countedSince }) {
  if (!countedSince) return points;
  const end = (point) => new Date(point.at).getTime() + stepS * 1_000;
  const first = points.findIndex((point) => end(point) > new Date(countedSince));
  return points.slice(Math.max(0, Math.min(first, points.length - MIN_POINTS)));
}

/** Returns an overview whose figures are null if they could not be read. The API sends zeros for them. */
export function knownFigures(overview) {
  if (!isUnknown(overview, "traffic")) return overview;
  const unknown = (figures) => ({ ...figures, requests: null, server_errors: null });
  return { ...overview, totals: unknown(overview.totals), points: overview.points.map(unknown) };
}

/** True if a part of an overview could not be read: `traffic`, `decisions` or `breakers`. */
export function isUnknown({ unknown = [] }, part) {
  return unknown.includes(part);
}

/** Returns the number of requests without an error status, or null if the requests are not known. */
export function succeeded(figures) {
  if (figures.requests === null) return null;
  const failed = OUTCOMES.reduce((sum, { field }) => sum + figures[field], 0);
  return Math.max(0, figures.requests - failed);
}

/** Returns the requests per second of the last seconds, or of the last two steps if steps are longer. */
export function currentRate({ points, totals, step_s: stepS, updated_at: updatedAt }) {
  if (totals.requests === null) return undefined;
  const now = new Date(updatedAt).getTime() / 1_000;
  const start = (point) => new Date(point.at).getTime() / 1_000;
  const recent = points.filter((point) => start(point) > now - Math.max(NOW_S, 2 * stepS) && start(point) <= now);
  if (recent.length === 0) return 0;

  const requests = recent.reduce((sum, point) => sum + point.requests, 0);
  return requests / Math.max(1, now - start(recent[0]));
}

/** Returns the time over which the current rate is averaged, such as `10 s`. */
export function currentSpan({ step_s: stepS }) {
  return stepText(Math.max(NOW_S, 2 * stepS));
}

/** Returns the requests per second over the range, from the start of the counting. */
export function averageRate({ totals, from, updated_at: updatedAt, counted_since: countedSince }) {
  const seconds = (new Date(updatedAt) - new Date(countedSince ?? from)) / 1_000;
  return totals.requests / Math.max(1, seconds);
}

/**
 * Compares the recent share of an outcome with the one before.
 *
 * @returns {{recent?: number, before?: number, direction?: "up" | "down" | "same"}} shares from 0 to 1; a share
 *   without requests is undefined
 */
export function trendOf({ points, updated_at: updatedAt }, field, recentS) {
  const border = new Date(updatedAt) - recentS * 1_000;
  const recent = shareOf(points.filter((point) => new Date(point.at) >= border), field);
  const before = shareOf(points.filter((point) => new Date(point.at) < border), field);
  if (recent === undefined || before === undefined) return { recent, before };

  const change = recent - before;
  return { recent, before, direction: Math.abs(change) < SAME_SHARE ? "same" : change > 0 ? "up" : "down" };
}

/** Returns the share of an outcome in all requests of some points, or undefined without requests. */
function shareOf(points, field) {
  const total = points.reduce((sum, point) => sum + (point.requests ?? 0), 0);
  return total > 0 ? points.reduce((sum, point) => sum + point[field], 0) / total : undefined;
}

/** Returns a step in words, such as `5 s` or `5 min`. */
export function stepText(seconds) {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`;
}
