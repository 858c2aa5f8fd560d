// The records, the newest first.

import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Time } from "../../components/time.js";
import { actionText, keyAddress, shortPrincipal, targetAddress } from "./actions.js";
import { Changes } from "./changes.js";

/** Shows records. Links in each one narrow the filter to its target or principal. */
export function RecordList({ records, filter }) {
  return html`
    <ol class="audit-list" aria-label="Changes, the newest first">
      ${records.map((record) => {
        const key = `${record.request_id}/${record.target}`;
        return html`<${Record} key=${key} record=${record} filter=${filter} />`;
      })}
    </ol>`;
}

function Record({ record, filter }) {
  const { at, principal, action, target, request_id: requestId, keys } = record;
  return html`
    <li class="audit-record">
      <p class="audit-time"><${Time} value=${at} /></p>
      <div class="audit-change">
        <p class="audit-title">${actionText(record)} <${Target} record=${record} /></p>
        <${Grant} record=${record} />
        <${Changes} changes=${record.changes} unlisted=${record.unlisted_changes} />
        ${keys ? html`<${ChangedKeys} keys=${keys} />` : null}
        <p class="audit-more">
          <code>${action}</code>
          <span>request <code>${requestId}</code></span>
          ${keys || filter.target === target ? null
            : html`<${FilterLink} filter=${{ ...filter, target }} text="Only this target" value=${target} />`}
        </p>
      </div>
      <p class="audit-principal">
        <span class="visually-hidden">by </span>
        <span title=${principal}>${shortPrincipal(principal)}</span>
        ${filter.principal === principal || principal === "local" ? null : html`
          <${FilterLink} filter=${{ ...filter, principal }} text="Only this principal"
            value=${shortPrincipal(principal)} />`}
      </p>
    </li>`;
}

/** Links to the records of a narrower filter. Screen readers read the value too, as they list links alone. */
function FilterLink({ filter, text, value }) {
  return html`<a href=${href(["audit"], filter)}>${text}<span class="visually-hidden">: ${value}</span></a>`;
}

function Target({ record }) {
  const address = targetAddress(record);
  return address ? html`<a href=${address}>${record.target}</a>` : html`<strong>${record.target}</strong>`;
}

function Grant({ record }) {
  const { amount, quota, grant_id: grantId } = record;
  if (amount === undefined) return null;
  const sign = amount > 0 ? "+" : "";
  return html`
    <p>
      ${sign}${count(amount)} ${Math.abs(amount) === 1 ? "call" : "calls"}${quota ? ` in the quota ${quota}` : ""}
      ${grantId ? html` <span class="hint">grant <code>${grantId}</code></span>` : null}
    </p>`;
}

function ChangedKeys({ keys }) {
  return html`
    <details>
      <summary>${keys.length} ${keys.length === 1 ? "key" : "keys"}</summary>
      <ul class="audit-keys">
        ${keys.map(({ target, changes, unlisted_changes: unlisted }) => html`
          <li key=${target}>
            <a href=${keyAddress(target)}>${target}</a>
            <${Changes} changes=${changes} unlisted=${unlisted} />
          </li>`)}
      </ul>
    </details>`;
}
