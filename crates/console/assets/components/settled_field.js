// A text that applies once the operator pauses, or presses Enter.

import { html, useEffect, useState } from "../app/html.js";
import { Field } from "./field.js";

const PAUSE_MS = 400;

/** Shows a field. `onSettle` gets its text after a pause, and at once with Enter or when the field is left. */
export function SettledField({ value, onSettle, ...rest }) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);

  const settle = () => {
    if (draft.trim() !== value) onSettle(draft.trim());
  };
  useEffect(() => {
    const timer = setTimeout(settle, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  const press = (event) => {
    if (event.key === "Enter") settle();
  };
  return html`<${Field} ...${rest} value=${draft} onInput=${setDraft} onKeyDown=${press} onBlur=${settle} />`;
}
