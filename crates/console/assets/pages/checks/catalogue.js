// The descriptions of all checks.

import { html } from "../../app/html.js";
import { Prose } from "../../components/prose.js";
import { byGroup, groupSubject, groupTitle } from "./groups.js";

/** Shows what each check means, and which permissions it needs. */
export function Catalogue({ checks }) {
  return html`
    <div class="checks-catalogue">
      ${byGroup(checks).map(([group, members]) => html`
        <details key=${group}>
          <summary>
            <strong>${groupTitle(group)}</strong>${" "}
            <span class="hint">${members.length} checks: ${groupSubject(group)}</span>
          </summary>
          <dl>
            ${members.map((check) => html`<${Description} key=${check.id} check=${check} />`)}
          </dl>
        </details>`)}
    </div>`;
}

function Description({ check: { id, title, explanation, permissions } }) {
  return html`
    <div>
      <dt><${Prose} text=${title} /> <code>${id}</code></dt>
      <dd><${Prose} text=${explanation} /></dd>
      ${permissions.length > 0 ? html`<dd class="hint">Needs ${permissions.join(", ")}</dd>` : null}
    </div>`;
}
