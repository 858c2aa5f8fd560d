// The result of the check below the editor.

import { html } from "../../app/html.js";
import { Button } from "../button.js";
import { ProblemNotice } from "../problem.js";
import { Prose } from "../prose.js";

const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** Returns the result of a check in a few words. */
function summary({ state, errors, warnings }) {
  if (state === "unavailable") return "Not checked";
  if (state === "checking") return "Checking …";
  const parts = [];
  if (errors.length > 0) parts.push(counted(errors.length, "mistake"));
  if (warnings.length > 0) parts.push(counted(warnings.length, "warning"));
  return parts.length === 0 ? "Valid" : parts.join(", ");
}

/** Shows the state of a check in one line. It is announced when it changes. */
export function CheckStatus({ check }) {
  const kind = { valid: "ok", invalid: "problem" }[check.state] ?? "";
  const tone = check.state === "valid" && check.warnings.length > 0 ? "warning" : kind;
  return html`<span class=${`badge ${tone}`} role="status">${summary(check)}</span>`;
}

function Item({ kind, item, onJump }) {
  const { line, column, pointer, detail } = item;
  const place = `Line ${line}${column ? `, column ${column}` : ""}`;
  return html`
    <li class=${kind}>
      <span class="editor-kind">${kind === "problem" ? "Mistake" : "Warning"}</span>
      ${line
        ? html`<button type="button" class="link" onClick=${() => onJump(line, column)}>${place}</button>`
        : null}
      ${pointer ? html`<code>${pointer}</code>` : null}
      <span class="editor-detail"><${Prose} text=${detail} /></span>
    </li>`;
}

/**
 * Lists mistakes and warnings. Their places lead to the line.
 *
 * @param {{check: object, errors: object[], warnings: object[], onJump: (line: number, column?: number) => void}}
 *   properties `errors` and `warnings` are those of the check that are listed, with their lines
 */
export function Mistakes({ check, errors, warnings, onJump }) {
  if (check.state === "unavailable") {
    return html`
      <${ProblemNotice} error=${check.error} title="The text could not be checked" />
      <p class="hint">You can still save: the API checks the text again.</p>`;
  }
  const rest = check.errors.length + check.warnings.length - errors.length - warnings.length;
  const list = (items, kind) => items.map((item, index) => html`
    <${Item} key=${`${kind} ${index}`} kind=${kind} item=${item} onJump=${onJump} />`);
  if (errors.length + warnings.length === 0) return null;
  return html`
    <ul class="editor-mistakes" aria-label="Mistakes and warnings">
      ${list(errors, "problem")}${list(warnings, "warning")}
    </ul>
    ${rest > 0 ? html`<p class="hint">${rest} more are not listed.</p>` : null}`;
}

/** Shows the button that formats the text. */
export function FormatButton({ onFormat, isReadOnly }) {
  return isReadOnly ? null : html`<${Button} onClick=${onFormat}>Format<//>`;
}
