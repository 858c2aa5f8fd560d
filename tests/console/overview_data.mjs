// Responses of the console's API, for states of the page Overview that a local gateway does not reach at once.

const STEP_S = 5;
const POINTS = 180;
/** The time of the figures: 10:41:07 in Berlin. */
export const NOW = "2026-11-30T09:41:07Z";

const NOTHING = { requests: 0, throttled: 0, unauthorized: 0, forbidden: 0, server_errors: 0 };
const NO_LATENCY = { p50_ms: null, p95_ms: null, p99_ms: null };

function instant(secondsBefore, now = NOW) {
  return new Date(new Date(now) - secondsBefore * 1_000).toISOString();
}

/**
 * Returns an overview. `figures` returns what differs from zero at a point, by its index.
 *
 * @param {(index: number) => object} figures
 * @param {object} more fields of the response
 */
export function overviewOf(figures, { step_s: stepS = STEP_S, points: number = POINTS, ...more } = {}) {
  const points = Array.from({ length: number }, (_, index) => ({
    at: instant((number - 1 - index) * stepS + 2),
    ...NOTHING,
    ...NO_LATENCY,
    ...figures(index),
  }));
  const sum = (field) => points.reduce((total, point) => total + point[field], 0);
  const totals = Object.fromEntries(Object.keys(NOTHING).map((field) => [field, sum(field)]));
  const latency = totals.requests > 0 ? { p50_ms: 3.2, p95_ms: 12.4, p99_ms: 61 } : NO_LATENCY;

  return {
    range: "15m",
    step_s: stepS,
    from: points[0].at,
    to: instant(-3),
    updated_at: NOW,
    points,
    totals: { ...totals, ...latency },
    decisions: [],
    breakers: [],
    missing: [],
    ...more,
  };
}

/** Returns an overview with requests of every outcome. */
export function busyOverview(more = {}) {
  const wave = (index, length) => Math.round(20 + 15 * Math.sin(index / length));
  return overviewOf((index) => {
    const throttled = index >= 130 ? wave(index, 4) : 2;
    const figures = { throttled, unauthorized: index % 9 === 0 ? 3 : 0, forbidden: index % 20 === 0 ? 4 : 0, server_errors: index === 90 ? 6 : 0 };
    const refused = Object.values(figures).reduce((total, value) => total + value, 0);
    return { requests: refused + wave(index, 12), ...figures, p50_ms: 3 + (index % 5) / 4, p95_ms: 11 + (index % 7), p99_ms: 40 + (index % 13) * 2 };
  }, {
    decisions: [
      { plan: "pro", allowed: 4_120, throttled: 12, unavailable: 0, degraded: 0 },
      { plan: "free", allowed: 812, throttled: 1_106, unavailable: 3, degraded: 1 },
      { plan: "none", allowed: 20, throttled: 0, unavailable: 0, degraded: 0 },
    ],
    ...more,
  });
}

const REFUSAL = { status: 429, route: "ANY /{proxy+}", method: "GET", source_ip: "203.0.113.7" };

/** Returns a page of refusals, the newest first. */
export function refusalPage(items, more = {}) {
  const complete = items.map((item, index) => ({ at: instant(index * 7), request_id: `request-${items.length - index}`, ...REFUSAL, ...item }));
  return { items: complete, newest_event_at: complete[0]?.at, searched_from: instant(900), is_truncated: false, source: "memory", missing: [], ...more };
}

/** Refusals for several reasons. */
export const REFUSALS = [
  { reason: "rate_exceeded", limit: "burst", key_id: "acme", caller: "key#acme", plan: "free", path: "/orders", retry_after_s: 1 },
  { reason: "quota_exceeded", limit: "day", key_id: "acme", caller: "key#acme", plan: "free", path: "/orders", retry_after_s: 3_600 },
  { reason: "unknown_key", status: 401, path: "/orders/7", detail: "not_found" },
  { reason: "invalid_claims", status: 401, path: "/invoices", detail: "claim:tenant", issuer: "sign-in" },
  { reason: "no_rule", status: 403, path: "/internal/metrics", method: "POST", route: undefined },
];

/** The target of a deployed stack. */
export const DEPLOYED = {
  kind: "deployed",
  label: "stack tollgate (https://api.example.com)",
  version: "1.0.0",
  may_write: true,
  key_header: "x-api-key",
  region: "eu-central-1",
  overview: "cloudwatch",
  refusals: "cloudwatch_logs",
  policy_source: { kind: "template" },
};
