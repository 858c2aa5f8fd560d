// A short text that stands out: information, a warning or a problem.

import { html } from "../app/html.js";

const LABEL = { info: "Note", success: "Done", warning: "Warning", problem: "Problem" };

/** Shows a notice. `kind` is `info`, `success`, `warning` or `problem`. Problems are announced at once. */
export function Notice({ kind = "info", title, actions, children }) {
  return html`
    <div class=${`notice ${kind}`} role=${kind === "problem" ? "alert" : "status"}>
      <p class="notice-title"><span class="visually-hidden">${LABEL[kind]}: </span>${title}</p>
      <div class="notice-text">${children}</div>
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </div>`;
}
