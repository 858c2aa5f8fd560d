// Changes of the selected keys.

import { counted } from "../../app/format.js";
import { html, useState } from "../../app/html.js";
import { ActionButton, Button } from "../../components/button.js";
import { ChangeKeys } from "./change_keys.js";

/** The changes that can be made to many keys: the texts, and the fields that it sets. */
const CHANGES = [
  { id: "disable", label: "Disable", verb: "Disable", done: "disabled", set: { enabled: false } },
  { id: "enable", label: "Enable", verb: "Enable", done: "enabled", set: { enabled: true } },
  { id: "move", label: "Move to a plan", verb: "Move", done: "moved" },
  { id: "delete", label: "Delete", verb: "Delete", done: "deleted", kind: "danger" },
];

/**
 * Shows the number of selected keys and what can be done with them. `filter` is the filter of the admin
 * API for the shown keys, if it has one: then all of them are changed by one request.
 */
export function SelectionBar({ list, shown, selected, onSelect, filter, plans, onResult }) {
  const [change, setChange] = useState();
  const keys = list.keys.filter(({ key_id }) => selected.has(key_id));
  const isAllShown = keys.length === shown.length && shown.every(({ key_id }) => selected.has(key_id));

  // The list may lose keys while the dialog is open, so the dialog has its own.
  const open = (kind) => setChange({ kind, keys, filter: isAllShown && kind.id !== "delete" ? filter : undefined });
  const close = (result) => {
    setChange(undefined);
    if (!result) return;
    onResult(result);
    onSelect(new Set());
  };
  return html`
    ${keys.length > 0 ? html`<${Bar} keys=${keys} onOpen=${open} onClear=${() => onSelect(new Set())} />` : null}
    ${change
      ? html`<${ChangeKeys} change=${change.kind} keys=${change.keys} filter=${change.filter} plans=${plans}
          list=${list}
          onClose=${close} />`
      : null}`;
}

function Bar({ keys, onOpen, onClear }) {
  const path = `/keys/${keys[0].key_id}`;
  return html`
    <div class="selection" role="group" aria-label="Selected keys">
      <p role="status"><strong>${counted(keys.length, "key")}</strong> selected</p>
      ${CHANGES.map((kind) => html`
        <${ActionButton} key=${kind.id} kind=${kind.kind} method=${kind.id === "delete" ? "DELETE" : "PATCH"}
          path=${path}
          onClick=${() => onOpen(kind)}>${kind.label}…<//>`)}
      <${Button} onClick=${onClear}>Clear the selection<//>
    </div>`;
}
