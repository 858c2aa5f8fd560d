// Blocks, the emergency stops of callers.

import { admin } from "./api.js";
import { useResource } from "./resource.js";

const POLL_MS = 30_000;

/** Returns the ids of the keys that are blocked, as a resource. */
export function useBlockedKeys() {
  const load = async (signal) => {
    const { data } = await admin.get("/blocks", { signal });
    return new Set(data.items.filter(({ kind }) => kind === "key").map(({ id }) => id));
  };
  return useResource("blocks", load, { pollMs: POLL_MS });
}
