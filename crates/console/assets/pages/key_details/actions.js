// The buttons of a key and their dialogs.

import { segments } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { ActionButton } from "../../components/button.js";
import { BlockKey } from "./block_key.js";
import { DeleteKey } from "./delete_key.js";
import { EditKey } from "./edit_key.js";
import { EnableKey } from "./enable_key.js";
import { MoveKey } from "./move_key.js";
import { RotateKey } from "./rotate_key.js";

const DIALOGS = {
  rotate: RotateKey,
  enable: EnableKey,
  move: MoveKey,
  edit: EditKey,
  block: BlockKey,
  delete: DeleteKey,
};

/**
 * Shows the actions of a key.
 *
 * @param {{target: object, keyed: object, etag: string, plans: object, isBlocked: boolean,
 *   onGrant?: () => void, onReload: () => void,
 *   onChanged: (result: {title: string, text?: string}) => void}} properties
 */
export function Actions({ target, keyed, etag, plans, isBlocked, onChanged, onGrant, onReload }) {
  // A dialog works on the key as it was when the dialog was opened, although the page is kept current.
  const [open, setOpen] = useState();
  const path = segments("keys", keyed.key_id);
  const button = (name, label, method, suffix = "", kind) => html`
    <${ActionButton} kind=${kind} method=${method} path=${`${path}${suffix}`}
      onClick=${() => setOpen({ name, keyed, etag })}>${label}<//>`;
  const blocking = html`
    <${ActionButton} method="PUT" path=${segments("blocks", "key", keyed.key_id)}
      onClick=${() => setOpen({ name: "block", keyed, etag })}>Block<//>`;
  const close = () => setOpen(undefined);
  const Shown = DIALOGS[open?.name];
  return html`
    ${onGrant
      ? html`<${ActionButton} method="PATCH" path=${`${path}/usage`} onClick=${onGrant}>Grant calls<//>`
      : null}
    ${button("edit", "Edit", "PATCH")}
    ${button("rotate", "Rotate", "POST", "/rotate")}
    ${button("move", "Move to a plan", "PATCH")}
    ${button("enable", keyed.enabled ? "Disable" : "Enable", "PATCH")}
    ${isBlocked ? null : blocking}
    ${button("delete", "Delete", "DELETE", "", "danger")}
    ${Shown
      ? html`<${Shown} target=${target} keyed=${open.keyed} etag=${open.etag} plans=${plans} onReload=${onReload}
          onClose=${close}
          onChanged=${(result) => {
            close();
            onChanged(result);
          }} />`
      : null}`;
}
