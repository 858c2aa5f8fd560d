// One refusal: its row, and its details below.

import { explainReason } from "../../app/reasons.js";
import { html, useId } from "../../app/html.js";
import { Time } from "../time.js";
import { RefusalDetails } from "./details.js";
import { Caller, PlanLink, requestLine } from "./parts.js";

/** Shows a refusal. Its reason is the button that opens the details. */
export function RefusalRow({ refusal, hasCaller, isOpen, columns, onToggle }) {
  const id = useId();
  return html`
    <tbody role="rowgroup" class=${isOpen ? "is-open" : ""}>
      <tr role="row">
        <td role="cell" class="of-time"><${Time} value=${refusal.at} isBrief /></td>
        <td role="cell" class="of-status">
          <span class="badge ${badgeOf(refusal.status)}">${refusal.status ?? "–"}</span>
        </td>
        <td role="cell" class="of-reason">
          <button type="button" class="disclosure" aria-expanded=${isOpen} aria-controls=${isOpen ? id : undefined}
            onClick=${onToggle}>
            ${explainReason(refusal.reason).title}
          </button>
          <code class="hint">${refusal.reason}</code>
        </td>
        ${hasCaller ? html`<td role="cell" class="of-caller"><${Caller} refusal=${refusal} /></td>` : null}
        <td role="cell" class="of-plan"><${PlanLink} plan=${refusal.plan} /></td>
        <td role="cell" class="of-request">${requestLine(refusal)}</td>
      </tr>
      ${isOpen ? html`
        <tr role="row">
          <td role="cell" id=${id} colspan=${columns}><${RefusalDetails} refusal=${refusal} /></td>
        </tr>` : null}
    </tbody>`;
}

/** Limits are warnings; refused callers and faults are problems. */
function badgeOf(status) {
  return status === 429 ? "warning" : "problem";
}
