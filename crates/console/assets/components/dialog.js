// Modal dialogs, by the browser's own element: it keeps the focus inside and gives it back.

import { html, useEffect, useId, useRef } from "../app/html.js";
import { Button } from "./button.js";
import { ProblemNotice } from "./problem.js";

/**
 * Shows a dialog until `onClose` is called. Esc closes it, unless `isLocked`. An element with `data-autofocus` has
 * the focus first. `isWide` is for two columns.
 */
export function Dialog({ title, onClose, isLocked = false, isWide = false, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const opener = document.activeElement;
    element.showModal();
    element.querySelector("[data-autofocus]")?.focus();
    return () => {
      element.close();
      // The element may be out of the document already, so that the browser does not give the focus back.
      if (opener?.isConnected) opener.focus({ preventScroll: true });
    };
  }, []);

  const cancel = (event) => {
    event.preventDefault();
    if (!isLocked) onClose();
  };
  return html`
    <dialog ref=${dialog} class=${`dialog ${isWide ? "wide" : ""}`} aria-labelledby=${id} onCancel=${cancel}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        ${isLocked ? null : html`<button type="button" class="button quiet" aria-label="Close" onClick=${onClose}>✕</button>`}
      </div>
      ${children}
    </dialog>`;
}

/** Asks before an action. `action` is a value of `useAction`; the dialog closes once it has succeeded. */
export function Confirm({ title, confirm, kind = "danger", action, onClose, isWide = false, children }) {
  const submit = async (event) => {
    event.preventDefault();
    if (await action.run()) onClose();
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} isLocked=${action.isRunning} isWide=${isWide}>
      <form onSubmit=${submit}>
        ${children}
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind=${kind} isBusy=${action.isRunning}>${confirm}<//>
        </div>
      </form>
    <//>`;
}
