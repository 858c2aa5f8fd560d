// The records, the newest first.

import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Time } from "../../components/time.js";
import { actionText, isOfKey, keyAddress, shortPrincipal, targetAddress } from "./actions.js";
import { Changes } from "./changes.js";

/** Shows records. Links in each one narrow the filter to its target or principal. */
export function RecordList({ records, filter, names }) {
  return html`
    <ol class="audit-list" aria-label="Changes, the newest first">
      ${records.map((record) => {
        const key = `${record.request_id}/${record.target}`;
        return html`<${Record} key=${key} record=${record} filter=${filter} names=${names} />`;
      })}
    </ol>`;
}

function Record({ record, filter, names }) {
  const { at, principal, action, target, request_id: requestId, keys } = record;
  return html`
    <li class="audit-record">
      <p class="audit-time"><${Time} value=${at} /></p>
      <div class="audit-change">
        <p class="audit-title">${actionText(record)} <${Target} record=${record} names=${names} /></p>
        <${Grant} record=${record} />
        <${Changes} changes=${record.changes} unlisted=${record.unlisted_changes} />
        ${keys ? html`<${ChangedKeys} keys=${keys} names=${names} />` : null}
        <p class="audit-more">
          <code>${action}</code>
          <span>request <code>${requestId}</code></span>
          ${keys || filter.target === target ? null
            : html`<${FilterLink} filter=${{ ...filter, target }} text="Only this object" value=${target} />`}
        </p>
      </div>
      <p class="audit-principal">
        <span class="visually-hidden">by </span>
        <span title=${principal}>${shortPrincipal(principal)}</span>
        ${filter.principal === principal || principal === "local" ? null : html`
          <${FilterLink} filter=${{ ...filter, principal }} text="Only by this principal"
            value=${shortPrincipal(principal)} />`}
      </p>
    </li>`;
}

/** Links to the records of a narrower filter. Screen readers read the value too, as they list links alone. */
function FilterLink({ filter, text, value }) {
  return html`<a href=${href(["audit"], filter)}>${text}<span class="visually-hidden">: ${value}</span></a>`;
}

/** Shows the target, and the name of a key before its id. */
function Target({ record, names }) {
  const { target } = record;
  const address = targetAddress(record);
  const name = isOfKey(record) ? names.get(target) : undefined;
  const text = name ?? target;
  return html`
    ${address ? html`<a href=${address}>${text}</a>` : html`<strong>${text}</strong>`}
    ${name ? html` <code class="audit-id">${target}</code>` : null}`;
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

function ChangedKeys({ keys, names }) {
  return html`
    <details>
      <summary>${keys.length} ${keys.length === 1 ? "key" : "keys"}</summary>
      <ul class="audit-keys">
        ${keys.map(({ target, changes, unlisted_changes: unlisted }) => html`
          <li key=${target}>
            <a href=${keyAddress(target)}>${names.get(target) ?? target}</a>${" "}
            ${names.has(target) ? html`<code class="audit-id">${target}</code>` : null}
            <${Changes} changes=${changes} unlisted=${unlisted} />
          </li>`)}
      </ul>
    </details>`;
}
