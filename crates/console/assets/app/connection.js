// Whether the server responds. Each request reports it.

const listeners = new Set();
let isLost = false;

/** True if the last request had no response. */
export function isConnectionLost() {
  return isLost;
}

/** Reports that a request had a response, or none. */
export function reportConnection(isReachable) {
  if (isLost !== isReachable) return;
  isLost = !isReachable;
  for (const listener of [...listeners]) listener(isLost);
}

/** Calls `listener` when the connection is lost (true) or back (false). Returns a function that stops that. */
export function onConnectionChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
