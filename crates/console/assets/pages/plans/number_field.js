// A field for a number that keeps what the operator types.

import { html, useState } from "../../app/html.js";
import { Field } from "../../components/field.js";

/** Returns the value for a plan: a number, undefined for an empty field, or the text itself if it is no number. */
export function valueOf(text) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : trimmed;
}

/**
 * Shows a field for a number. A text that is no number becomes the value too, so that the check reports it.
 *
 * @param {{value: unknown, onChange: (value: unknown) => void}} properties others go to `Field`
 */
export function NumberField({ value, onChange, ...rest }) {
  const [text, setText] = useState("");
  // The text is replaced only if the value was changed elsewhere: `1.` is the number 1 while it is typed.
  const shown = valueOf(text) === value ? text : String(value ?? "");
  const input = (typed) => {
    setText(typed);
    onChange(valueOf(typed));
  };
  return html`<${Field} inputmode="decimal" value=${shown} onInput=${input} ...${rest} />`;
}
