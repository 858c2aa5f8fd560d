// The part of a list that is visible.

import { useEffect, useLayoutEffect, useState } from "../../app/html.js";

/** The rows above and below the visible ones that are in the document, so that scrolling shows no gaps. */
const OVERSCAN = 8;
const NARROW = "(max-width: 40rem)";

/**
 * Returns the first and the last index of the rows to render, the last one excluded.
 *
 * @param {{scrollTop: number, boxHeight: number, rowHeight: number, count: number}} measures in pixels
 */
export function visibleRange({ scrollTop, boxHeight, rowHeight, count }) {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  const shown = Math.ceil(boxHeight / rowHeight) + 1;
  const from = Math.max(0, Math.min(first, count - shown) - OVERSCAN);
  return { from, to: Math.min(count, Math.max(from, first + shown + OVERSCAN)) };
}

/** Returns true on narrow screens, and renders again when that changes. */
export function useNarrow() {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const change = () => setNarrow(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return isNarrow;
}

/** Returns the range of rows that a scrolling box shows, and renders again when it changes. */
export function useWindow(box, count, rowHeight) {
  const [range, setRange] = useState({ from: 0, to: Math.min(count, 2 * OVERSCAN) });

  useLayoutEffect(() => {
    const element = box.current;
    let frame;
    const measure = () => {
      frame = undefined;
      const { scrollTop, clientHeight: boxHeight } = element;
      const next = visibleRange({ scrollTop, boxHeight, rowHeight, count });
      setRange((previous) => (previous.from === next.from && previous.to === next.to ? previous : next));
    };
    const schedule = () => {
      frame ??= requestAnimationFrame(measure);
    };

    measure();
    element.addEventListener("scroll", schedule, { passive: true });
    const resize = new ResizeObserver(schedule);
    resize.observe(element);
    return () => {
      element.removeEventListener("scroll", schedule);
      resize.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [count, rowHeight]);

  return range;
}
