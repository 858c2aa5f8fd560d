// The block of a key, an emergency stop.

import { admin, segments } from "../../app/api.js";
import { html } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { ActionButton } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { Time } from "../../components/time.js";

/** Shows that all requests of a key are refused, and until when. `onChanged` gets the result of a removal. */
export function BlockNotice({ block, onChanged }) {
  const remove = useAction(async () => {
    await admin.delete(segments("blocks", "key", block.id));
    onChanged({ title: "The block was removed", text: "All instances accept calls again within 30 seconds." });
  });
  if (!block) return null;

  const path = segments("blocks", "key", block.id);
  const action = html`
    <${ActionButton} method="DELETE" path=${path} onClick=${remove.run}
      isBusy=${remove.isRunning}>Remove the block<//>`;
  return html`
    <${Notice} kind="warning" title="The key is blocked" actions=${action}>
      <p>
        All requests with this key are refused with 403${block.until ? html`, until <${Time} value=${block.until}
          />` : ""}.
        ${block.note ? ` Note: ${block.note}` : ""}
      </p>
    <//>
    ${remove.error ? html`<${ProblemNotice} error=${remove.error} />` : null}`;
}
