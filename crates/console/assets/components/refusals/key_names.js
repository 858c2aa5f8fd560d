// The names of refused keys. Refusals only have ids.

import { admin, segments } from "../../app/api.js";
import { useEffect, useState } from "../../app/html.js";

/** The most names that are remembered, and so the most requests. */
export const MOST_NAMES = 200;
const PARALLEL = 3;

/** Names by id, once they are read: undefined while they are loading, null for keys without one. */
const names = new Map();
const listeners = new Set();
const queue = [];
let running = 0;

/** Returns the name of a key, or undefined if it has none or is not known. */
export function useKeyName(id) {
  const [, render] = useState(0);
  useEffect(() => {
    const change = () => render((number) => number + 1);
    listeners.add(change);
    request(id);
    return () => listeners.delete(change);
  }, [id]);
  return names.get(id) ?? undefined;
}

function request(id) {
  if (names.has(id) || names.size >= MOST_NAMES) return;
  names.set(id, undefined);
  queue.push(id);
  if (running < PARALLEL) work();
}

async function work() {
  running += 1;
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    names.set(id, await read(id));
    for (const listener of listeners) listener();
  }
  running -= 1;
}

/** The name is an addition: without it, the id is shown. */
async function read(id) {
  try {
    return (await admin.get(segments("keys", id))).data.name ?? null;
  } catch {
    return null;
  }
}
