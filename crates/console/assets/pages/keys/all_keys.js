// All keys, page by page in the background.

import { pages } from "../../app/api.js";
import { useCallback, useEffect, useRef, useState } from "../../app/html.js";
import { SLOW_MS } from "../../app/resource.js";

/** The most keys that the page loads. Beyond them, the search asks the server. */
export const MOST_KEYS = 20_000;
/** The time between two updates of the list while keys are loading. */
const UPDATE_MS = 250;

const INITIAL = { keys: [], isLoading: true, isSlow: false, isTruncated: false, isCancelled: false, error: undefined };

/**
 * Loads the keys that meet the conditions, and again when these change.
 *
 * @param {Record<string, string>} conditions parameters of `GET /keys`
 * @returns {{keys: object[], isLoading: boolean, isSlow: boolean, isTruncated: boolean, isCancelled: boolean,
 *   error?: Error, cancel: () => void, reload: () => void, replace: (key: object) => void,
 *   remove: (id: string) => void}}
 */
export function useAllKeys(conditions) {
  const [state, setState] = useState(INITIAL);
  const running = useRef(null);
  const identity = JSON.stringify(conditions);

  const reload = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    load(JSON.parse(identity), controller.signal, setState);
  }, [identity]);
  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  const cancel = useCallback(() => {
    running.current?.abort();
    setState((previous) => ({ ...previous, isLoading: false, isSlow: false, isCancelled: true }));
  }, []);
  const change = useCallback((edit) => setState((previous) => ({ ...previous, keys: edit(previous.keys) })), []);
  return {
    ...state,
    cancel,
    reload,
    /** Shows a changed key, or a new one as the first. */
    replace: useCallback(
      (key) =>
        change((keys) => {
          const index = keys.findIndex(({ key_id }) => key_id === key.key_id);
          return index < 0 ? [key, ...keys] : keys.with(index, key);
        }),
      [change],
    ),
    remove: useCallback((id) => change((keys) => keys.filter(({ key_id }) => key_id !== id)), [change]),
  };
}

async function load(conditions, signal, setState) {
  const update = (change) => {
    if (!signal.aborted) setState((previous) => ({ ...previous, ...change }));
  };
  setState(INITIAL);
  const slow = setTimeout(() => update({ isSlow: true }), SLOW_MS);
  const keys = [];
  let shownAt = 0;

  try {
    for await (const page of pages("/keys", conditions, { signal })) {
      keys.push(...page);
      if (keys.length > MOST_KEYS) break;
      if (performance.now() - shownAt >= UPDATE_MS) {
        update({ keys: keys.slice() });
        shownAt = performance.now();
      }
    }
    update({ keys: keys.slice(0, MOST_KEYS), isTruncated: keys.length > MOST_KEYS });
  } catch (error) {
    update({ keys, error });
  } finally {
    clearTimeout(slow);
    update({ isLoading: false, isSlow: false });
  }
}
