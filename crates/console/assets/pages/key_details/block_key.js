// Blocks a key: an emergency stop.

import { admin, segments } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { instantOf } from "../../app/key_form.js";
import { useAction } from "../../app/resource.js";
import { Confirm } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { InstantField } from "../../components/key_form.js";

/** The most characters of a note. */
const MOST_CHARACTERS = 256;

/** Asks for the end of a block and a note. */
export function BlockKey({ keyed: { key_id: id }, onChanged, onClose }) {
  const [until, setUntil] = useState("");
  const [note, setNote] = useState("");
  const action = useAction(async () => {
    const block = { until: instantOf(until), note: note === "" ? undefined : note };
    await admin.put(segments("blocks", "key", id), block);
    onChanged({ title: "The key was blocked", text: "All instances refuse its calls within 30 seconds." });
  });
  return html`
    <${Confirm} title="Block the key?" confirm="Block" action=${action} onClose=${onClose}>
      <p>
        All calls with this key are refused with 403 within 30 seconds, also by rules that need no credential. A block
        does not change the key.
      </p>
      <${InstantField} label="Until" value=${until} onInput=${setUntil} hint="Empty: until the block is removed." />
      <${Field} label="Note" data-autofocus value=${note} onInput=${setNote} maxlength=${MOST_CHARACTERS}
        hint="Only administrators see it." />
    <//>`;
}
