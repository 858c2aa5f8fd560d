// Callers without a key, in words.

/** The digits of a hash that are shown: enough to tell callers apart. */
const HASH_DIGITS = 12;

/** Returns a caller in words. A subject is a hash of 64 digits, as in the usage table. */
export function callerText(caller) {
  const [, kind, value] = caller.match(/^([a-z]+)#(.*)$/s) ?? [undefined, undefined, caller];
  const isHash = /^[0-9a-f]{64}$/.test(value);
  const text = isHash ? `${value.slice(0, HASH_DIGITS)}…` : value;
  return kind === "sub" ? `token subject ${text}` : kind ? `${kind} ${text}` : text;
}
