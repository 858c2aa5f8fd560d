// The dialog that deletes a policy.

import { admin, segments } from "../../app/api.js";
import { html } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { Confirm } from "../../components/dialog.js";

/** Asks before a policy is deleted. */
export function DeletePolicy({ name, etag, isInForce, onClose, onDeleted }) {
  const remove = useAction(async () => {
    await admin.delete(segments("policies", name), { headers: { "if-match": etag } });
    onDeleted(name);
  });
  return html`
    <${Confirm} title=${`Delete the policy ${name}?`} confirm="Delete the policy" action=${remove} onClose=${onClose}>
      <p>
        Its candidate is deleted too. Authorizers with <code>AuthPolicy=table:${name}</code> cannot start without it.
      </p>
      ${isInForce ? html`<p>This policy is in force, so the API refuses to delete it.</p>` : null}
    <//>`;
}
