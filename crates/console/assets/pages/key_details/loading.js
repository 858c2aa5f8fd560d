// The data of the page of a key, and how often each part is loaded.

import { admin, segments, withQuery } from "../../app/api.js";
import { KIND } from "../../app/api_error.js";
import { utcDay } from "../../app/format.js";
import { useEffect, useMemo, useRef, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";

const DAY_MS = 86_400_000;
/** The time between two readings of usage and limits. Reads of a deployed API have a price. */
const LIVE_MS = { local: 1_000, deployed: 2_000 };
const KEY_MS = { local: 5_000, deployed: 30_000 };
const REPORT_MS = 60_000;
/** The time after which a decision that was refused is asked for again: the plan may have changed. */
const REFUSED_MS = 30_000;

/** Returns the key and its entity tag. A deleted key is not asked for again. */
export function useKey(id, target) {
  const [isGone, setGone] = useState(false);
  const stored = useResource(
    `key ${id}`,
    async (signal) => {
      const { data: key, etag } = await admin.get(segments("keys", id), { signal });
      return { key, etag };
    },
    { pollMs: isGone ? undefined : KEY_MS[target.kind] },
  );
  useEffect(() => setGone(stored.error?.status === 404), [stored.error]);
  return stored;
}

/** Returns the block of the key, or null if there is none. */
export function useBlock(id, target) {
  return useResource(
    `block ${id}`,
    async (signal) => {
      const { data } = await admin.get("/blocks", { signal });
      return data.items.find((block) => block.kind === "key" && block.id === id) ?? null;
    },
    { pollMs: KEY_MS[target.kind] },
  );
}

/** Returns the grants of the current periods. */
export function useGrants(id, target) {
  return useResource(
    `grants ${id}`,
    async (signal) => (await admin.get(`${segments("keys", id)}/grants`, { signal })).data,
    { pollMs: KEY_MS[target.kind] },
  );
}

/**
 * Returns the current windows of the quotas, the usage of the last days, and what is left of the rate
 * limits, again and again. `decision` has the limits, or `decisionError` the reason why they are missing.
 */
export function useLive(id, target) {
  const refused = useRef(undefined);
  return useResource(
    `live ${id}`,
    async (signal) => {
      const [usage, peek] = await Promise.allSettled([currentUsage(id, signal), peekAt(id, signal, refused)]);
      if (usage.status === "rejected") throw usage.reason;
      return { ...usage.value, decision: peek.value, decisionError: peek.reason };
    },
    { pollMs: LIVE_MS[target.kind] },
  );
}

/** Reads three days, so that the current day of every time zone is one of them. */
async function currentUsage(id, signal) {
  const now = Date.now();
  const parameters = { from: utcDay(now - DAY_MS), to: utcDay(now + DAY_MS) };
  const { data } = await admin.get(withQuery(`${segments("keys", id)}/usage`, parameters), { signal });
  return data;
}

/** Asks what a call would be decided now. It charges nothing. */
async function peekAt(id, signal, refused) {
  if (refused.current?.until > Date.now()) throw refused.current.error;
  try {
    const { data } = await admin.post("/decisions", { key_id: id, mode: "peek" }, { signal });
    return data;
  } catch (error) {
    const durationMs = refusalMs(error);
    if (durationMs > 0) refused.current = { error, until: Date.now() + durationMs };
    throw error;
  }
}

/** Returns for how long the same request would be refused again. */
function refusalMs(error) {
  if (error.kind === KIND.denied || isUnsupported(error)) return Infinity;
  return error.kind === KIND.invalid ? REFUSED_MS : 0;
}

/** True if the API is of a version that decides only by the secret of a key. */
export function isUnsupported(error) {
  return error.status === 422 && error.errors.some(({ pointer }) => pointer === "/key_id");
}

/** Returns the usage of the last days. The current day is that of `live`, which is newer. */
export function useReport(id, days, live) {
  const report = useResource(
    `report ${id} ${days}`,
    async (signal) => {
      const now = Date.now();
      // Without `to`, the report ends with the current day in the time zone of the plan.
      const parameters = { from: utcDay(now - days * DAY_MS) };
      const { data } = await admin.get(withQuery(`${segments("keys", id)}/usage`, parameters), { signal });
      return { ...data, days: data.days.slice(-days) };
    },
    { pollMs: REPORT_MS },
  );

  const data = useMemo(() => report.data && withLive(report.data, live), [report.data, live]);
  return { ...report, data };
}

/** Returns a report with the newer numbers of the same days, and the quotas of the current plan. */
function withLive(report, live) {
  const newer = new Map((live?.days ?? []).map((day) => [day.date, day]));
  const days = report.days.map((day) => newer.get(day.date) ?? day);
  return { ...report, days, quotas: live?.quotas ?? report.quotas };
}
