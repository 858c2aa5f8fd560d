// What this operator may do: known from the target, and learned from responses with status 403.

/** Denied operations with the reason, by method and the shape of the path. */
const denied = new Map();
const listeners = new Set();
let readOnlyReason;

/** Returns a path without the parts that differ between objects: `/keys/acme` and `/keys/b` have one shape. */
function shape(url) {
  const path = new URL(url, "http://localhost").pathname.replace(/^.*\/v1\//, "").replace(/^\//, "");
  const [list, , ...rest] = path.split("/");
  const isObject = path.split("/").length > 1;
  return [list, ...(isObject ? ["{}"] : []), ...rest.filter((_, index) => index % 2 === 0)].join("/");
}

function change() {
  for (const listener of listeners) listener();
}

/** Stores the target's answer whether the console may write. */
export function setReadOnly(reason) {
  readOnlyReason = reason;
  change();
}

/** Remembers a refusal, so that the button for it says why. */
export function rememberDenied(method, url, reason) {
  denied.set(`${method} ${shape(url)}`, reason);
  change();
}

/** Returns why an operation is not allowed, or undefined. `url` is a path of the admin API. */
export function deniedReason(method, url) {
  if (method !== "GET" && readOnlyReason) return readOnlyReason;
  return denied.get(`${method} ${shape(url)}`);
}

/** Calls `listener` after each change. Returns a function that stops that. */
export function onPermissionChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
