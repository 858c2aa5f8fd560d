// Additional calls of the current periods.

import { admin, segments } from "../../app/api.js";
import { count, counted } from "../../app/format.js";
import { html, useRef, useState } from "../../app/html.js";
import { idempotencyKeys } from "../../app/idempotency.js";
import { useAction, useResource } from "../../app/resource.js";
import { ActionButton, Button } from "../../components/button.js";
import { Confirm, Dialog } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { Section } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { Empty, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { Time } from "../../components/time.js";

/** Shows the grants of a key, and grants more. `quotas` are those of the usage report. */
export function Grants({ id, keyed, quotas, onChanged }) {
  const [open, setOpen] = useState();
  const grants = useResource(
    `grants ${id}`,
    async (signal) => (await admin.get(`${segments("keys", id)}/grants`, { signal })).data,
  );
  const changed = (result) => {
    setOpen(undefined);
    grants.reload();
    onChanged(result);
  };
  const action =
    quotas?.length > 0
      ? html`<${ActionButton} method="PATCH" path=${`${segments("keys", id)}/usage`}
        onClick=${() => setOpen({ grant: true })}>Grant calls<//>`
      : null;
  return html`
    <${Section} title="Grants" actions=${action}>
      <p class="hint">${
        quotas?.length === 0
          ? "The plan has no quota, so there is nothing to grant."
          : "Calls that are added to a quota until its current period ends."
      }</p>
      <${Resource} resource=${grants} label="Loading the grants">
        ${(data) => html`<${GrantList} id=${id} data=${data} onRevoke=${(revoked) => setOpen({ revoked })} />`}
      <//>
    <//>
    ${open?.grant ? html`<${GrantCalls} id=${id} keyed=${keyed} quotas=${quotas} onChanged=${changed}
      onClose=${() => setOpen(undefined)} />` : null}
    ${open?.revoked ? html`<${RevokeGrant} id=${id} grant=${open.revoked} onChanged=${changed}
      onClose=${() => setOpen(undefined)} />` : null}`;
}

function GrantList({ id, data: { items, unlisted }, onRevoke }) {
  if (items.length === 0) return html`<${Empty} title="No grants in the current periods" />`;
  const columns = [
    { title: "Granted", cell: ({ at }) => html`<${Time} value=${at} />` },
    { title: "Quota", cell: ({ quota }) => quota },
    { title: "Calls", isNumber: true, cell: ({ amount }) => count(amount) },
    { title: "In force until", cell: (grant) => untilText(grant) },
    { title: "Action", cell: (grant) => html`<${Revoke} id=${id} grant=${grant} onRevoke=${onRevoke} />` },
  ];
  return html`
    <${Table} caption="Grants of the current periods" columns=${columns} rows=${items} rowKey=${(grant) => grant.id} />
    ${unlisted > 0 ? html`<p class="hint">${counted(unlisted, "earlier grant")} in force, but not listed.</p>` : null}`;
}

function untilText({ window_end: end, revoked_at: revokedAt, revoked }) {
  if (revokedAt) return html`revoked on <${Time} value=${revokedAt} />, ${counted(revoked, "call")} taken back`;
  return end ? html`<${Time} value=${end} />` : "used up";
}

function Revoke({ id, grant, onRevoke }) {
  if (grant.revoked_at) return "–";
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

function GrantCalls({ id, keyed, quotas, onChanged, onClose }) {
  const [quota, setQuota] = useState(quotas[0].name);
  const [text, setText] = useState("");
  const headers = useRef(idempotencyKeys());

  const amount = Number(text);
  const isValid = text.trim() !== "" && Number.isSafeInteger(amount) && amount !== 0;
  const current = quotas.find(({ name }) => name === quota);
  const action = useAction(async () => {
    const body = { quota, grant: amount };
    const { data } = await admin.patch(`${segments("keys", id)}/usage`, body, { headers: headers.current(body) });
    onChanged({ title: grantedTitle(data), text: `${counted(data.usage[1], "call")} left of the quota ${quota}.` });
  });
  const submit = (event) => {
    event.preventDefault();
    if (isValid) action.run();
  };
  return html`
    <${Dialog} title="Grant calls" onClose=${onClose} isLocked=${action.isRunning}>
      <form onSubmit=${submit}>
        <${Field} label="Calls to add" data-autofocus type="number" step="1" required value=${text} onInput=${setText}
          error=${text !== "" && !isValid ? "Enter a whole number other than 0." : undefined}
          hint="A negative number removes calls." />
        <${Field} label="Quota" as="select" value=${quota} onInput=${setQuota}
          hint=${current ? `${count(current.usage[0])} used, ${count(current.usage[1])} left` : undefined}>
          ${quotas.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
        <//>
        ${keyed.group ? html`<p
          class="hint">All keys of the group ${keyed.group} on this plan share the calls.</p>` : null}
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind="primary" disabled=${!isValid} isBusy=${action.isRunning}
            title=${isValid ? undefined : "Enter the number of calls first."}>
            ${amount < 0 ? "Remove calls" : "Grant calls"}
          <//>
        </div>
      </form>
    <//>`;
}

function grantedTitle({ granted, quota }) {
  if (granted < 0) return `${counted(-granted, "call")} removed from the quota ${quota}`;
  return `${counted(granted, "call")} granted for the quota ${quota}`;
}
