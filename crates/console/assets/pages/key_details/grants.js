// Additional calls of the current periods.

import { admin, segments } from "../../app/api.js";
import { count, counted } from "../../app/format.js";
import { idleGrants } from "../../app/grants.js";
import { html, useState } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { ActionButton } from "../../components/button.js";
import { Confirm } from "../../components/dialog.js";
import { Section } from "../../components/page.js";
import { Empty, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { grantedByQuota } from "./window_rows.js";

/** Shows the grants of a key. `grants` is a resource, `live` has the current limits. */
export function Grants({ id, grants, live, onGrant, onChanged }) {
  const [revoked, setRevoked] = useState();
  const hasQuota = live?.quotas.length > 0;
  const action = hasQuota
    ? html`<${ActionButton} method="PATCH" path=${`${segments("keys", id)}/usage`} onClick=${onGrant}>Grant calls<//>`
    : null;
  const changed = (result) => {
    setRevoked(undefined);
    onChanged(result);
  };
  return html`
    <${Section} title="Grants" actions=${action}>
      <p class="hint">${hasQuota || !live
        ? "Calls that are added to a quota until its current period ends."
        : "The plan has no quota, so there is nothing to grant."}</p>
      <${Resource} resource=${grants} label="Loading the grants">
        ${(data) => html`<${GrantList} id=${id} data=${data} live=${live} onRevoke=${setRevoked} />`}
      <//>
    <//>
    ${revoked ? html`<${RevokeGrant} id=${id} grant=${revoked} onChanged=${changed}
      onClose=${() => setRevoked(undefined)} />` : null}`;
}

function GrantList({ id, data: { items, unlisted }, live, onRevoke }) {
  if (items.length === 0) return html`<${Empty} title="No grants in the current periods" />`;
  const idle = idleGrants(items, grantedByQuota(live));
  const columns = [
    { title: "Granted", cell: ({ at }) => html`<${Time} value=${at} />` },
    { title: "Quota", cell: ({ quota }) => quota },
    { title: "Calls", isNumber: true, cell: ({ amount }) => count(amount) },
    { title: "In force until", cell: (grant) => untilText(grant, idle.has(grant.id)) },
    {
      title: "Action",
      cell: (grant) => html`<${Revoke} id=${id} grant=${grant} isIdle=${idle.has(grant.id)} onRevoke=${onRevoke} />`,
    },
  ];
  return html`
    <${Table} caption="Grants of the current periods" columns=${columns} rows=${items} rowKey=${(grant) => grant.id} />
    ${unlisted > 0 ? html`<p class="hint">${counted(unlisted, "earlier grant")} in force, but not listed.</p>` : null}`;
}

function untilText({ window_end: end, revoked_at: revokedAt, revoked }, isIdle) {
  if (revokedAt) return html`revoked on <${Time} value=${revokedAt} />, ${counted(revoked, "call")} taken back`;
  if (isIdle) return "not in force: the key had a quota with another period, or another group";
  return end ? html`<${Time} value=${end} />` : "used up";
}

function Revoke({ id, grant, isIdle, onRevoke }) {
  if (grant.revoked_at || isIdle) return "–";
  if (grant.amount < 0) return html`<span class="hint">Grant calls to undo it.</span>`;
  const path = `${segments("keys", id)}${segments("grants", grant.id)}`;
  return html`<${ActionButton} method="DELETE" path=${path} onClick=${() => onRevoke(grant)}>Revoke<//>`;
}

function RevokeGrant({ id, grant, onChanged, onClose }) {
  const action = useAction(async () => {
    await admin.delete(`${segments("keys", id)}${segments("grants", grant.id)}`);
    onChanged({ title: "The grant was revoked" });
  });
  return html`
    <${Confirm} title="Revoke the grant?" confirm="Revoke" action=${action} onClose=${onClose}>
      <p>
        What is left of the ${count(grant.amount)} calls is taken back from the quota ${grant.quota}. Used calls stay
        counted.
      </p>
    <//>`;
}
