// The session of this page. It is in memory only: a reload ends it, and no other page can read it.

const LOCAL = "local";

let session = LOCAL;
let hasEnded = false;
const listeners = new Set();

/** Returns the value of the header that only this page sends. */
export function sessionHeader() {
  return session;
}

/** True if the page has a session. The page of a local gateway needs none. */
export function isSessionOpen() {
  return session !== LOCAL;
}

/** Stores the session that the one-time code was exchanged for. */
export function setSession(value) {
  session = value;
  hasEnded = false;
}

/** True if the server does not accept the session any more. Nothing polls then. */
export function hasSessionEnded() {
  return hasEnded;
}

/** Calls `listener` when the session has ended. Returns a function that stops that. */
export function onSessionEnd(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Reports that the server does not accept the session any more. */
export function endSession() {
  if (hasEnded) return;
  hasEnded = true;
  for (const listener of listeners) listener();
}
