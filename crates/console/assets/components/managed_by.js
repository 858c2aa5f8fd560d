// The warning about objects that a file declares.

import { html } from "../app/html.js";
import { Notice } from "./notice.js";

/** Warns that a program declares the object, so that it undoes changes made here. `kind` is `plan` or `policy`. */
export function ManagedBy({ kind, name }) {
  if (!name) return null;
  return html`
    <${Notice} kind="warning" title=${`This ${kind} is managed by ${name}`}>
      <p>
        It is declared in a file. The next <code>tollgate apply</code> with that file undoes changes made here.
        ${" "}Change the file instead.
      </p>
    <//>`;
}
