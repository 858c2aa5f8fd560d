// What this operator may do: known from the target, and learned from responses with status 403.

/** The time for which a refusal is remembered. Permissions can be granted while the console is open. */
export const REMEMBERED_MS = 60_000;
/** Refusals of the credentials themselves, which say nothing about the permissions of the operator. */
const OF_CREDENTIALS = /expired|security token|signature|credential|clock/i;

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

/** Remembers a refusal for a minute, so that the button for it says why. */
export function rememberDenied(method, url, reason) {
  if (OF_CREDENTIALS.test(reason)) return;
  const operation = `${method} ${shape(url)}`;
  const refusal = { reason };
  denied.set(operation, refusal);
  setTimeout(() => {
    if (denied.get(operation) === refusal) forget(operation);
  }, REMEMBERED_MS);
  change();
}

/** Forgets the refusal of an operation that has succeeded. */
export function forgetDenied(method, url) {
  forget(`${method} ${shape(url)}`);
}

function forget(operation) {
  if (denied.delete(operation)) change();
}

/** Returns why an operation is not allowed, or undefined. `url` is a path of the admin API. */
export function deniedReason(method, url) {
  if (method !== "GET" && readOnlyReason) return readOnlyReason;
  return denied.get(`${method} ${shape(url)}`)?.reason;
}

/** Calls `listener` after each change. Returns a function that stops that. */
export function onPermissionChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
