// The one-time code in the address that `tollgate console` opens. This module is loaded first, so that no
// other code sees the address before the code is removed from it.

const PREFIX = "#code=";

let code = codeInAddress();

function codeInAddress() {
  if (!location.hash.startsWith(PREFIX)) return undefined;
  const found = location.hash.slice(PREFIX.length);
  history.replaceState(null, "", location.pathname + location.search);
  return found;
}

/** Returns the code, or undefined if the page was opened without one. */
export function oneTimeCode() {
  return code;
}

/** Forgets the code, which is valid only once. */
export function forgetCode() {
  code = undefined;
}
