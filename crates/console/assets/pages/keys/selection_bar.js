// Changes of the selected keys.

import { count } from "../../app/format.js";
import { html, useState } from "../../app/html.js";
import { ActionButton, Button } from "../../components/button.js";
import { ChangeKeys } from "./change_keys.js";

/** The changes that can be made to many keys: the button, and the fields that it sets. */
const CHANGES = [
  { id: "disable", label: "Disable", set: { enabled: false } },
  { id: "enable", label: "Enable", set: { enabled: true } },
  { id: "move", label: "Move to a plan" },
  { id: "delete", label: "Delete", kind: "danger" },
];

/**
 * Shows the number of selected keys and what can be done with them. `filter` is the filter of the admin
 * API for the shown keys, if it has one: then all of them are changed by one request.
 */
export function SelectionBar({ list, shown, selected, onSelect, filter, plans, onResult }) {
  const [change, setChange] = useState();
  const keys = list.keys.filter(({ key_id }) => selected.has(key_id));
  if (keys.length === 0) return null;

  const isAllShown = keys.length === shown.length && shown.every(({ key_id }) => selected.has(key_id));
  const close = (result) => {
    setChange(undefined);
    if (!result) return;
    onResult(result);
    onSelect(new Set());
  };
  const button = ({ id, label, kind, ...rest }) => html`
    <${ActionButton} key=${id} kind=${kind} method=${id === "delete" ? "DELETE" : "PATCH"} path=${`/keys/${keys[0].key_id}`}
      onClick=${() => setChange({ id, label, ...rest })}>${label}…<//>`;
  return html`
    <div class="selection" role="group" aria-label="Selected keys">
      <p role="status"><strong>${count(keys.length)}</strong> ${keys.length === 1 ? "key" : "keys"} selected</p>
      ${CHANGES.map(button)}
      <${Button} onClick=${() => onSelect(new Set())}>Clear the selection<//>
    </div>
    ${change
      ? html`<${ChangeKeys} change=${change} keys=${keys} filter=${isAllShown && change.id !== "delete" ? filter : undefined}
          plans=${plans} list=${list} onClose=${close} />`
      : null}`;
}
