// The result of one check.

import { html } from "../../app/html.js";
import { CopyButton } from "../../components/copy_button.js";
import { Prose } from "../../components/prose.js";
import { needsAttention, statusOf } from "./groups.js";

/** The field of the form for an option of the command line. */
const ECHO_FIELD = "On this page, --echo is the field Echo path of the group Requests.";
/** The number of findings that are shown at first. */
const MAX_SHOWN = 10;

/** Shows a check with its status, findings and next step. Results that need no attention are closed. */
export function Outcome({ outcome, explanation }) {
  const { id, title, details, fix, evidence, link } = outcome;
  const { symbol, word, kind } = statusOf(outcome);
  return html`
    <li>
      <details class=${`checks-outcome ${kind}`} open=${needsAttention(outcome)}>
        <summary>
          <span class="checks-symbol" aria-hidden="true">${symbol}</span>
          <span class="checks-title"><${Prose} text=${title} /></span>
          <span class=${`badge ${kind}`}>${word}</span>
        </summary>
        <div class="checks-body">
          <${Findings} details=${details} />
          ${fix ? html`<p class="checks-fix"><strong>Next step: </strong><${Prose} text=${fix} /></p>` : null}
          ${fix?.includes("--echo") ? html`<p>${ECHO_FIELD}</p>` : null}
          ${explanation ? html`<p class="hint"><${Prose} text=${explanation} /></p>` : null}
          <dl class="facts">
            <dt>Check</dt><dd><code>${id}</code></dd>
            <dt>Documentation</dt><dd><code>${link}</code> <${CopyButton} text=${link} label="Copy path" /></dd>
            ${evidence ? html`<dt>Supports the claim</dt><dd>${evidence}</dd>` : null}
          </dl>
        </div>
      </details>
    </li>`;
}

function Findings({ details }) {
  const rest = details.slice(MAX_SHOWN);
  return html`
    <${List} details=${details.slice(0, MAX_SHOWN)} />
    ${rest.length > 0 ? html`
      <details><summary>${rest.length} more findings</summary><${List} details=${rest} /></details>` : null}`;
}

function List({ details }) {
  if (details.length === 1) return html`<p><${Prose} text=${details[0]} /></p>`;
  return html`<ul>${details.map((detail, index) => html`<li key=${index}><${Prose} text=${detail} /></li>`)}</ul>`;
}
