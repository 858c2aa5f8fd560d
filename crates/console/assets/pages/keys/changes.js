// The same change to many keys: by one request with a filter, or key by key.

import { admin, segments } from "../../app/api.js";
import { KIND } from "../../app/api_error.js";

/** The time that the server takes for a change of many keys, and more for its response. */
const BULK_TIMEOUT_MS = 60_000;
/** The requests at the same time. */
const CONCURRENCY = 4;
/** The changes that a preview names. */
const PREVIEWED = 20;

/** Returns what the change would do to the keys of a filter, with the token that makes it. */
export async function previewByFilter({ filter, set, signal }) {
  const { data } = await admin.post("/keys/bulk", { filter, set }, { signal, timeoutMs: BULK_TIMEOUT_MS });
  return data;
}

/** Makes the change of a preview. */
export async function applyByFilter({ filter, set, token, signal }) {
  const { data } = await admin.post("/keys/bulk", { filter, set, token }, { signal, timeoutMs: BULK_TIMEOUT_MS });
  return data;
}

/** Returns what the change would do to these keys. Without `set`, they would be deleted. */
export function previewOf(keys, set) {
  const fields = Object.entries(set ?? {});
  const changing = keys.filter((key) => !set || fields.some(([name, value]) => key[name] !== value));
  const changesOf = (key) =>
    Object.fromEntries(
      fields
        .filter(([name, value]) => key[name] !== value)
        .map(([name, value]) => [`/${name}`, { old: key[name], new: value }]),
    );
  return {
    matched: keys.length,
    changing: changing.length,
    changes: changing.slice(0, PREVIEWED).map((key) => ({ key_id: key.key_id, changes: changesOf(key) })),
  };
}

/**
 * Changes or deletes keys, each only if it has not changed since it was loaded. Once `signal` is aborted, it
 * begins with no other key, but waits for the requests that were sent.
 *
 * @returns {Promise<{matched: number, changed: number, unchanged: number, remaining: number, left: object[],
 *   failed: {key_id: string, reason: string}[]}>} `left` has the keys that were not reached
 */
export async function applyOneByOne({ keys, set, list, signal, onProgress }) {
  const result = { matched: keys.length, changed: 0, unchanged: 0, failed: [] };
  const queue = [...keys];

  const work = async () => {
    while (queue.length > 0 && !signal.aborted) {
      const key = queue.shift();
      const { name, reason } = await applyToKey(key, set, list);
      if (reason) result.failed.push({ key_id: key.key_id, reason });
      else result[name] += 1;
      onProgress(keys.length - queue.length);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return { ...result, remaining: queue.length, left: queue };
}

/** Returns the outcome for one key. */
async function applyToKey(key, set, list) {
  const isSame = set && Object.entries(set).every(([name, value]) => key[name] === value);
  if (isSame) return { name: "unchanged" };

  const path = segments("keys", key.key_id);
  const options = { headers: { "if-match": key.etag } };
  try {
    if (set) {
      const { data, etag } = await admin.patch(path, set, options);
      list.replace({ ...data, etag });
    } else {
      await admin.delete(path, options);
      list.remove(key.key_id);
    }
    return { name: "changed" };
  } catch (error) {
    return {
      reason: error.kind === KIND.changed ? "The key has changed since it was loaded. Reload the list." : error.message,
    };
  }
}
