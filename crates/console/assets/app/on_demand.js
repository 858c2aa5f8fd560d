// Data that is loaded only when the operator asks, with its progress.

import { useCallback, useEffect, useRef, useState } from "./html.js";

/**
 * Loads something once when asked: `{ data, error, isLoading, count, start, cancel, clear }`. `clear` removes an
 * error.
 */
export function useOnDemand(load) {
  const [state, setState] = useState({ data: undefined, error: undefined, isLoading: false, count: 0 });
  const running = useRef(null);
  const latest = useRef(load);
  latest.current = load;

  const start = useCallback(async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const update = (change) => {
      if (!controller.signal.aborted) setState((previous) => ({ ...previous, ...change }));
    };
    update({ isLoading: true, error: undefined, count: 0 });
    try {
      update({ data: await latest.current(controller.signal, (count) => update({ count })) });
    } catch (error) {
      update({ error });
    } finally {
      update({ isLoading: false });
    }
  }, []);
  const cancel = useCallback(() => {
    running.current?.abort();
    setState((previous) => ({ ...previous, isLoading: false }));
  }, []);
  const clear = useCallback(() => setState((previous) => ({ ...previous, error: undefined })), []);
  useEffect(() => () => running.current?.abort(), []);
  return { ...state, start, cancel, clear };
}
