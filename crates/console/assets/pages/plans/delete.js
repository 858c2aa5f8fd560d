// The dialog that deletes a plan.

import { admin, segments } from "../../app/api.js";
import { html } from "../../app/html.js";
import { useAction, useResource } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Confirm, Dialog } from "../../components/dialog.js";
import { Resource } from "../../components/states.js";
import { countKeys, keyCount } from "./counts.js";

/**
 * Asks before a plan is deleted. If keys use it, the dialog shows which ones.
 *
 * @param {{name: string, etag: string, onClose: () => void, onDeleted: (name: string) => void}} properties
 */
export function DeletePlan({ name, etag, onClose, onDeleted }) {
  const keys = useResource(`keys of ${name}`, (signal) => countKeys(name, signal, 100));
  const remove = useAction(async () => {
    await admin.delete(segments("plans", name), { headers: { "if-match": etag } });
    onDeleted(name);
  });

  if (keys.data?.count === 0) {
    return html`
      <${Confirm} title=${`Delete the plan ${name}?`} confirm="Delete the plan" action=${remove} onClose=${onClose}>
        <p>No key is on this plan. If a policy names the plan, it is not deleted.</p>
      <//>`;
  }
  return html`
    <${Dialog} title=${`Delete the plan ${name}?`} onClose=${onClose}>
      <${Resource} resource=${keys} label="Looking for keys on this plan">
        ${(found) => html`<${InUse} name=${name} found=${found} />`}
      <//>
      <div class="actions end"><${Button} onClick=${onClose}>Close<//></div>
    <//>`;
}

function InUse({ name, found }) {
  const rest = found.count - found.first.length;
  return html`
    <p>
      The plan cannot be deleted: ${keyCount(found)} ${found.count === 1 ? "key is" : "keys are"} on it.
      ${" "}Move them to another plan first.
    </p>
    <ul class="link-list">
      ${found.first.map(({ key_id: id, name: keyName }) => html`
        <li key=${id}>
          <a href=${href(["keys", id])}>${keyName ?? id}</a>${" "}
          ${keyName ? html`<code>${id}</code>` : null}
        </li>`)}
      ${rest > 0 ? html`<li>${found.isMore ? "and more" : `and ${rest} more`}</li>` : null}
    </ul>
    <p><a href=${href(["keys"], { plan: name })}>Show the keys on this plan</a></p>`;
}
