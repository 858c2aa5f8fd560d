// A lost connection to the gateway or to `tollgate console`, with automatic attempts.

import { consoleApi } from "../app/api.js";
import { isConnectionLost, onConnectionChange } from "../app/connection.js";
import { html, useEffect, useState } from "../app/html.js";
import { useAction } from "../app/resource.js";
import { hasSessionEnded } from "../app/session.js";
import { Button } from "./button.js";
import { Notice } from "./notice.js";

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 15_000;
const ATTEMPT_TIMEOUT_MS = 5_000;

/** Says that the server does not respond, and tries again until it does. Each attempt waits twice as long. */
export function ConnectionNotice() {
  const [isLost, setIsLost] = useState(isConnectionLost);
  const [attempts, setAttempts] = useState(0);
  useEffect(() => onConnectionChange((lost) => {
    setIsLost(lost);
    setAttempts(0);
  }), []);

  // Any response ends the state: see `send`.
  const attempt = useAction(async () => {
    try {
      await consoleApi.get("/target", { timeoutMs: ATTEMPT_TIMEOUT_MS });
    } finally {
      setAttempts((count) => count + 1);
    }
  });
  useEffect(() => {
    if (!isLost || hasSessionEnded()) return undefined;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempts, MAX_DELAY_MS);
    const timer = setTimeout(attempt.run, delayMs);
    return () => clearTimeout(timer);
  }, [isLost, attempts]);

  if (!isLost) return null;
  const actions = html`<${Button} onClick=${attempt.run} isBusy=${attempt.isRunning}>Try now<//>`;
  return html`
    <${Notice} kind="problem" title="No connection" actions=${actions}>
      <p>
        The server does not respond. Is the gateway or <code>tollgate console</code> still running?
        The console tries again by itself.
      </p>
    <//>`;
}
