// Labelled inputs with hints and errors.

import { html, useId } from "../app/html.js";
import { Prose } from "./prose.js";

/**
 * Shows a labelled input. `as` is `input`, `select` or `textarea`. `error` marks it as invalid. Other
 * properties go to the element.
 */
export function Field({ label, hint, error, as = "input", children, onInput, isLabelHidden = false, ...rest }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`
    <div class="field">
      <label for=${id} class=${isLabelHidden ? "visually-hidden" : ""}>${label}</label>
      <${as} id=${id} aria-invalid=${error ? "true" : undefined} aria-describedby=${described || undefined}
        autocomplete="off" spellcheck=${false} onInput=${(event) => onInput?.(event.currentTarget.value)}
        ...${rest}>${children}<//>
      ${hint ? html`<p class="hint" id=${`${id}-hint`}>${withCode(hint)}</p>` : null}
      ${error ? html`<p class="field-error" id=${`${id}-error`}>${withCode(error)}</p>` : null}
    </div>`;
}

/** Returns a text with the code in backticks, or an element as it is. */
function withCode(text) {
  return typeof text === "string" ? html`<${Prose} text=${text} />` : text;
}

/** Shows a checkbox with its label. */
export function Checkbox({ label, hint, checked, onChange, ...rest }) {
  const id = useId();
  return html`
    <div class="checkbox">
      <input type="checkbox" id=${id} checked=${checked}
        onChange=${(event) => onChange(event.currentTarget.checked)} ...${rest} />
      <label for=${id}>${label}</label>
      ${hint ? html`<p class="hint">${withCode(hint)}</p>` : null}
    </div>`;
}
