// Modal dialogs, by the browser's own element: it keeps the focus inside and gives it back.

import { html, useEffect, useId, useRef } from "../app/html.js";
import { Button } from "./button.js";
import { ProblemNotice } from "./problem.js";

/** Shows a dialog until `onClose` is called. Esc closes it, unless `isLocked`. */
export function Dialog({ title, onClose, isLocked = false, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element.showModal();
    return () => element.close();
  }, []);

  const cancel = (event) => {
    event.preventDefault();
    if (!isLocked) onClose();
  };
  return html`
    <dialog ref=${dialog} class="dialog" aria-labelledby=${id} onCancel=${cancel}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        ${isLocked ? null : html`<button type="button" class="button quiet" aria-label="Close" onClick=${onClose}>✕</button>`}
      </div>
      ${children}
    </dialog>`;
}

/** Asks before an action. `action` is a value of `useAction`; the dialog closes once it has succeeded. */
export function Confirm({ title, confirm, kind = "danger", action, onClose, children }) {
  const submit = async (event) => {
    event.preventDefault();
    if (await action.run()) onClose();
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} isLocked=${action.isRunning}>
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
