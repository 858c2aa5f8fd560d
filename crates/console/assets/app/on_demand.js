// Data that is loaded only when the operator asks, with its progress.

import { useCallback, useEffect, useRef, useState } from "./html.js";

/**
 * Loads something when asked: `{ data, error, isLoading, count, start, refresh, cancel, clear }`. `refresh` loads it
 * again without showing the progress, unless it is loading. `clear` removes an error.
 */
export function useOnDemand(load) {
  const [state, setState] = useState({ data: undefined, error: undefined, isLoading: false, count: 0 });
  const running = useRef(null);
  const latest = useRef(load);
  latest.current = load;

  const run = useCallback(async (isShown) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const update = (change) => {
      if (!controller.signal.aborted) setState((previous) => ({ ...previous, ...change }));
    };
    if (isShown) update({ isLoading: true, error: undefined, count: 0 });
    try {
      const data = await latest.current(controller.signal, (count) => isShown && update({ count }));
      update({ data, error: undefined });
    } catch (error) {
      update({ error });
    } finally {
      if (running.current === controller) running.current = null;
      update({ isLoading: false });
    }
  }, []);
  const start = useCallback(() => run(true), []);
  const refresh = useCallback(() => (running.current ? undefined : run(false)), []);
  const cancel = useCallback(() => {
    running.current?.abort();
    running.current = null;
    setState((previous) => ({ ...previous, isLoading: false }));
  }, []);
  const clear = useCallback(() => setState((previous) => ({ ...previous, error: undefined })), []);
  useEffect(() => () => running.current?.abort(), []);
  return { ...state, start, refresh, cancel, clear };
}
