// The end of the form of a new document: its problem and its buttons.

import { html } from "../app/html.js";
import { navigate } from "../app/router.js";
import { ActionButton, Button } from "./button.js";
import { ProblemNotice } from "./problem.js";

/** Shows the buttons that create and discard a document. `created` is a value of `useNewDocument`. */
export function CreateBar({ created: { document: { save }, isInvalid, submit }, list, page, label }) {
  return html`
    ${save.error ? html`<${ProblemNotice} error=${save.error} />` : null}
    <div class="actions save-bar">
      <${ActionButton} kind="primary" method="PUT" path=${`/${list}/new`} isBusy=${save.isRunning}
        disabled=${isInvalid} onClick=${submit}>${label}<//>
      <${Button} onClick=${() => navigate([page])}>Cancel<//>
      <span class="hint" role="status">${isInvalid ? "Correct the mistakes to save." : ""}</span>
    </div>`;
}
