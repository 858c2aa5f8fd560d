// Disables or enables a key.

import { html } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { Confirm } from "../../components/dialog.js";
import { patchKey, withFreshKey } from "./save.js";

/** Asks before it disables or enables a key. */
export function EnableKey({ keyed, etag, onChanged, onReload, onClose }) {
  const enabled = !keyed.enabled;
  const action = useAction(async () => {
    await withFreshKey(() => patchKey(keyed.key_id, { enabled }, etag), onReload);
    onChanged({ title: enabled ? "The key was enabled" : "The key was disabled" });
  });
  return html`
    <${Confirm} title=${enabled ? "Enable the key?" : "Disable the key?"} confirm=${enabled ? "Enable" : "Disable"}
      kind=${enabled ? "primary" : "danger"} action=${action} onClose=${onClose}>
      <p>
        ${enabled
          ? "Calls with all secrets of this key are accepted again, unless it is expired."
          : "Calls with all secrets of this key are refused with 401 until it is enabled. Its usage is kept."}
      </p>
    <//>`;
}
