// Buttons, and those for operations that the operator may not be allowed to do.

import { html, useEffect, useId, useState } from "../app/html.js";
import { deniedReason, onPermissionChange } from "../app/permissions.js";

/**
 * Shows a button. `kind` is `primary`, `danger` or undefined. A busy button ignores clicks, but keeps the focus: a
 * disabled one would lose it.
 */
export function Button({ kind, type = "button", isBusy = false, onClick, children, ...rest }) {
  const busy = isBusy ? "true" : undefined;
  const click = (event) => {
    if (isBusy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button type=${type} class=${`button ${kind ?? ""}`} aria-busy=${busy} aria-disabled=${busy} ...${rest}
      onClick=${click}>
      ${children}
    </button>`;
}

/** Returns why an operation is not allowed, or undefined. Renders again when that changes. */
export function useDeniedReason(method, path) {
  const [, render] = useState(0);
  useEffect(() => onPermissionChange(() => render((count) => count + 1)), []);
  return deniedReason(method, path);
}

/**
 * Shows a button for an operation of the admin API. If it is not allowed, the button cannot be
 * pressed and the reason is shown.
 */
export function ActionButton({ method, path, children, onClick, ...rest }) {
  const id = useId();
  const reason = useDeniedReason(method, path);
  if (!reason) return html`<${Button} onClick=${onClick} ...${rest}>${children}<//>`;
  // The button stays in the tab order, so that the reason can be read by keyboard.
  return html`
    <span class="denied">
      <button type="button" class="button" aria-disabled="true" aria-describedby=${id} title=${reason}>${children}</button>
      <span class="denied-reason" id=${id}>${reason}</span>
    </span>`;
}
