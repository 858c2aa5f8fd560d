// The dialog that grants calls.

import { admin, segments } from "../../app/api.js";
import { count, counted } from "../../app/format.js";
import { amountMistake } from "../../app/grants.js";
import { html, useRef, useState } from "../../app/html.js";
import { idempotencyKeys } from "../../app/idempotency.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { ProblemNotice } from "../../components/problem.js";

/** What a grant means for instances on AWS, which refuse a call from memory for a short time. */
const DELAY = "Instances that have just refused this key can refuse it for up to 10 more seconds.";

/** Asks for a number of calls and a quota. `quota` is chosen first, if the plan has it. */
export function GrantCalls({ id, target, keyed, quotas, quota: wanted, onChanged, onClose }) {
  const [quota, setQuota] = useState(quotas.some(({ name }) => name === wanted) ? wanted : quotas[0].name);
  const [text, setText] = useState("");
  const headers = useRef(idempotencyKeys());
  const mistake = amountMistake(text);
  const amount = Number(text);
  const current = quotas.find(({ name }) => name === quota);

  const action = useAction(async () => {
    const body = { quota, grant: amount };
    const { data } = await admin.patch(`${segments("keys", id)}/usage`, body, { headers: headers.current(body) });
    const isDelayed = target.kind === "deployed" && data.granted > 0;
    onChanged({ title: grantedTitle(data), text: isDelayed ? DELAY : undefined });
  });
  const submit = (event) => {
    event.preventDefault();
    if (mistake === undefined) action.run();
  };
  return html`
    <${Dialog} title="Grant calls" onClose=${onClose} isLocked=${action.isRunning}>
      <form onSubmit=${submit} novalidate>
        <${Field} label="Calls to add" data-autofocus inputmode="numeric" required value=${text} onInput=${setText}
          error=${text === "" ? undefined : mistake} hint="A negative number removes calls." />
        <${Field} label="Quota" as="select" value=${quota} onInput=${setQuota}
          hint=${current ? `${count(current.usage[0])} used, ${count(current.usage[1])} left` : undefined}>
          ${quotas.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
        <//>
        ${keyed.group
          ? html`<p class="hint">All keys of the group ${keyed.group} on this plan share the calls.</p>`
          : null}
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind="primary" disabled=${mistake !== undefined} isBusy=${action.isRunning}
            title=${mistake}>
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
