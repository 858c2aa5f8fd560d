// A call of the API as a command line.

const DEFAULT_HEADER = "x-api-key";
const UNKNOWN_URL = "https://api.example.com";

/** Returns the address of the target's API without a slash at its end, or undefined if it is not known. */
export function apiUrl(target) {
  if (target.kind === "local") return location.origin;
  const url = target.url ?? /https?:\/\/[^\s)]+/.exec(target.label ?? "")?.[0];
  return url?.replace(/\/+$/, "");
}

/** Returns the command line of a call with a key. */
export function callWithKey(target, secret, path = "/") {
  const header = target.key_header ?? DEFAULT_HEADER;
  return `curl -i -H ${quoted(`${header}: ${secret}`)} ${quoted(`${apiUrl(target) ?? UNKNOWN_URL}${path}`)}`;
}

/** Returns a word for a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
