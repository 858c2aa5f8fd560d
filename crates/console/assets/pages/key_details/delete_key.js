// Deletes a key.

import { admin, segments } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { withFreshKey } from "./save.js";

/** Asks for the id of a key before it deletes the key. */
export function DeleteKey({ keyed: { key_id: id, name }, etag, onChanged, onReload, onClose }) {
  const [text, setText] = useState("");
  const isConfirmed = text.trim() === id;
  const action = useAction(async () => {
    await withFreshKey(() => admin.delete(segments("keys", id), { headers: { "if-match": etag } }), onReload);
    onChanged({
      title: "The key was deleted",
      text: "Calls with its secrets are refused. Its usage can be read for 400 days.",
    });
  });
  const submit = (event) => {
    event.preventDefault();
    if (isConfirmed) action.run();
  };
  return html`
    <${Dialog} title=${`Delete ${name ?? id}?`} onClose=${onClose} isLocked=${action.isRunning}>
      <form onSubmit=${submit}>
        <${Notice} kind="warning" title="A deleted key cannot be restored">
          Calls with its secrets are refused with 401. Its id cannot be used again for 400 days.
        <//>
        <p>To stop a key for some time, disable it instead.</p>
        <${Field} label=${`Type the id ${id} to confirm`} data-autofocus value=${text} onInput=${setText} />
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind="danger" disabled=${!isConfirmed} isBusy=${action.isRunning}
            title=${isConfirmed ? undefined : "Type the id of the key first."}>Delete the key<//>
        </div>
      </form>
    <//>`;
}
