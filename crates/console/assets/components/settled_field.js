// A text that applies once the operator pauses, or presses Enter.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { Field } from "./field.js";

const PAUSE_MS = 400;

/** Shows a field. `onSettle` gets its text after a pause, and at once with Enter or when the field is left. */
export function SettledField({ value, onSettle, ...rest }) {
  const [draft, setDraft] = useState(value);
  useEffect(() => {
    if (draft.trim() !== value) setDraft(value);
  }, [value]);

  // A pause ends later than it begins: the other fields may have changed since.
  const latest = useRef(undefined);
  latest.current = { draft: draft.trim(), value, onSettle };
  const settle = () => {
    const { draft: text, value: applied, onSettle: apply } = latest.current;
    if (text !== applied) apply(text);
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
