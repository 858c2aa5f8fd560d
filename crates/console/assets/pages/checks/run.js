// The run of checks in progress, or else the last one. The server has at most one.

import { consoleApi, segments } from "../../app/api.js";
import { useEffect, useRef, useState } from "../../app/html.js";
import { useAction, useResource } from "../../app/resource.js";

const POLL_MS = 500;
/** Cancelling waits until the temporary plan and key are deleted. */
const CANCEL_TIMEOUT_MS = 40_000;

/** The last report. It stays while other pages of the console are shown. */
let lastReport;

/**
 * Follows the run of the server.
 *
 * @returns {{status?: object, report?: object, message: string, error?: Error, start: object, cancel: object,
 *   reload: () => void}} `start.run` begins a run, `cancel.run` ends it
 */
export function useRun() {
  const [id, setId] = useState();
  const [message, setMessage] = useState("");
  const [isPolling, setIsPolling] = useState(true);
  const resource = useResource(`run ${id ?? "latest"}`, (signal) => load(id, signal), {
    pollMs: isPolling ? POLL_MS : undefined,
  });
  const status = resource.data ?? undefined;
  useEffect(() => setIsPolling(status?.state === "running"), [status?.state]);
  useReport(status, setMessage);

  const start = useAction(async (request) => {
    setMessage("");
    try {
      const { data } = await consoleApi.post("/checks", request);
      setId(data.id);
    } finally {
      // If another tab has started a run, this page follows that one.
      resource.reload();
      setIsPolling(true);
    }
  });
  const cancel = useAction(async () => {
    try {
      await consoleApi.delete(`/checks${segments(status.id)}`, { timeoutMs: CANCEL_TIMEOUT_MS });
      setMessage("The run was cancelled. Its temporary plan and key, if any, are deleted.");
    } finally {
      setId(undefined);
      resource.reload();
    }
  });
  return { status, report: lastReport, message, error: resource.error, start, cancel, reload: resource.reload };
}

/** Returns the status of a run with its id, or null if the server has none. Without an id, the latest one is meant. */
async function load(id, signal) {
  const wanted = id ?? (await consoleApi.get("/checks", { signal })).data.id;
  if (wanted === null) return null;
  try {
    const { data } = await consoleApi.get(`/checks${segments(wanted)}`, { signal });
    return { ...data, id: wanted };
  } catch (error) {
    // The run was cancelled, for example in another tab.
    if (error.status === 404) return null;
    throw error;
  }
}

/** Keeps the report of a run, and announces the end of a run that was in progress. */
function useReport(status, setMessage) {
  const previous = useRef();
  if (status?.report) lastReport = status.report;
  useEffect(() => {
    if (previous.current === "running" && status?.state === "done") setMessage("The run has finished.");
    previous.current = status?.state;
  }, [status?.state]);
}
