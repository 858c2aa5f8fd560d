// Changes of a key that another change does not overwrite.

import { admin, segments } from "../../app/api.js";
import { ApiError, KIND } from "../../app/api_error.js";

/** Sends a JSON merge patch. It fails with `KIND.changed` if the key has another entity tag. */
export async function patchKey(id, patch, etag) {
  const { data, etag: next } = await admin.patch(segments("keys", id), patch, { headers: { "if-match": etag } });
  return { key: data, etag: next };
}

/**
 * Runs a change of one field. If the key has changed, the page loads it again, and the error says to check
 * and repeat the change.
 */
export async function withFreshKey(change, onReload) {
  try {
    return await change();
  } catch (error) {
    if (error.kind !== KIND.changed) throw error;
    onReload();
    const text =
      "Another program or person has changed the key since you opened this dialog. " +
      "Close it, look at the current values, and repeat the change.";
    throw new ApiError(KIND.changed, text, { status: error.status });
  }
}
