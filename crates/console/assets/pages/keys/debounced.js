// Values that change while the operator types.

import { useEffect, useState } from "../../app/html.js";

const DELAY_MS = 400;

/** Returns a value of JSON once it has been the same for a moment. */
export function useDebounced(value, delayMs = DELAY_MS) {
  const text = JSON.stringify(value);
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), delayMs);
    return () => clearTimeout(timer);
  }, [text, delayMs]);
  return JSON.parse(settled);
}
