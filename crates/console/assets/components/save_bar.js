// The buttons of an editor, and the warnings about what was saved.

import { html } from "../app/html.js";
import { ActionButton, Button } from "./button.js";
import { ProblemNotice } from "./problem.js";
import { Prose } from "./prose.js";

function status(isInvalid, { isChanged, isSaved }) {
  if (isInvalid) return "Correct the mistakes to save.";
  if (isChanged) return "Not saved yet.";
  return isSaved ? "Saved." : "No changes.";
}

/**
 * Shows the buttons that save or discard changes. A document with mistakes cannot be saved.
 *
 * @param {{document: object, path: string, check: object, label: string, onSave?: () => void, children?: unknown}}
 *   properties `document` is a value of `useDocument`, `check` one of `useCheck`. `onSave` replaces saving at once
 */
export function SaveBar({ document, path, check, label, onSave, children }) {
  const { save, isChanged, discard } = document;
  const isInvalid = check.state === "invalid";
  return html`
    ${save.error ? html`<${ProblemNotice} error=${save.error} />` : null}
    <div class="actions save-bar">
      <${ActionButton} kind="primary" method="PUT" path=${path} isBusy=${save.isRunning}
        disabled=${isInvalid || !isChanged} onClick=${onSave ?? (() => save.run())}>${label}<//>
      <${Button} onClick=${discard} disabled=${!isChanged || save.isRunning}>Discard changes<//>
      ${children}
      <span class="hint" role="status">${status(isInvalid, document)}</span>
    </div>`;
}

/** Lists warnings of the API. */
export function Warnings({ items = [] }) {
  if (items.length === 0) return null;
  return html`
    <ul>
      ${items.map(({ pointer, detail }, index) => html`
        <li key=${index}><code>${pointer}</code> <${Prose} text=${detail} /></li>`)}
    </ul>`;
}
