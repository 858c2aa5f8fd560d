// Opens the session of this page with the one-time code.

import { watchActivity } from "./activity.js";
import { consoleApi } from "./api.js";
import { ApiError, KIND } from "./api_error.js";
import { forgetCode, oneTimeCode } from "./one_time_code.js";
import { endSession, setSession } from "./session.js";

const WITHOUT_CODE =
  "The session of the console is only in the memory of its page, so a reload ends it. Press Enter in the terminal of " +
  "tollgate console to open the page again.";

/**
 * Exchanges the code in the address for a session. Without a code, does nothing: the local gateway needs no
 * session.
 *
 * @throws {ApiError} if the code is wrong, was used, or is too old
 */
export async function openSession(signal) {
  const code = oneTimeCode();
  if (code === undefined) return;

  try {
    const { data } = await consoleApi.post("/session", { code }, { signal });
    setSession(data.session);
    forgetCode();
    watchActivity(data.idle_s * 1_000, { extend, end: endSession });
    window.addEventListener("pagehide", closeSession);
  } catch (error) {
    if (error.status !== 401) throw error;
    forgetCode();
    throw new ApiError(KIND.session, error.message, { status: error.status });
  }
}

/** Returns the error for a page without a session, with the reason. */
export function withoutSession(error) {
  return new ApiError(KIND.session, WITHOUT_CODE, { status: error.status });
}

function extend() {
  // The next request tells whether the session has ended.
  consoleApi.get("/session").catch(() => {});
}

/** Ends the session with its page, unless the browser keeps the page to return to it. */
function closeSession(event) {
  if (!event.persisted) consoleApi.delete("/session", { keepalive: true }).catch(() => {});
}
