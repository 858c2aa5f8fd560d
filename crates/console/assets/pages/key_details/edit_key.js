// Edits the fields of a key. A change of another program or person is shown, not overwritten.

import { admin, segments } from "../../app/api.js";
import { KIND } from "../../app/api_error.js";
import { html, useState } from "../../app/html.js";
import { formMistakes, formOf, mergedForm, patchOf, responseMistakes } from "../../app/key_form.js";
import { useAction } from "../../app/resource.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { Button } from "../../components/button.js";
import { Conflict } from "../../components/conflict.js";
import { Dialog } from "../../components/dialog.js";
import { useDiscardQuestion } from "../../components/discard_changes.js";
import { FormProblem, useFocusOnMistake } from "../../components/form_problem.js";
import { BasicFields, MoreFields } from "../../components/key_form.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { documentText } from "./document_text.js";
import { patchKey } from "./save.js";

/** Shows the form of a key, or both versions after a conflict. */
export function EditKey({ keyed, etag, plans, onChanged, onReload, onClose }) {
  const [base, setBase] = useState({ key: keyed, etag });
  const [form, setForm] = useState(formOf(keyed));
  const [theirs, setTheirs] = useState();
  const id = keyed.key_id;
  const patch = patchOf(formOf(base.key), form);
  const isChanged = Object.keys(patch).length > 0;
  useUnsavedChanges(isChanged, `The changes of the key ${id} are not saved.`);

  // Only what the operator has changed replaces the stored version, so that other changes stay.
  const meet = (stored) => {
    if (stored.key) {
      setForm(mergedForm(formOf(base.key), form, formOf(stored.key)));
      setBase(stored);
    }
    setTheirs(stored);
  };
  const save = useAction(async () => {
    if (!isChanged) return onChanged({ title: "The key has these values already" });
    try {
      const { key } = await patchKey(id, patch, base.etag);
      const text = key.managed_by ? `${key.managed_by} may undo the change.` : undefined;
      return onChanged({ title: "The key was changed", text });
    } catch (error) {
      if (error.kind !== KIND.changed) throw error;
      return meet(await currentKey(id));
    }
  });

  if (theirs) {
    const take = () => {
      onReload();
      onClose();
    };
    return html`
      <${Dialog} title="Conflict" onClose=${onClose} isLocked=${save.isRunning} isWide>
        ${theirs.key
          ? html`<${Conflict} what=${`The key ${id}`} mine=${documentText(theirs.key, form)}
              theirs=${documentText(theirs.key)}
              onKeep=${save.run} onTake=${take} onEdit=${() => setTheirs(undefined)} isBusy=${save.isRunning} />`
          : html`<${Deleted} onClose=${take} />`}
        ${save.error ? html`<${ProblemNotice} error=${save.error} />` : null}
      <//>`;
  }
  return html`<${Form} form=${form} plans=${plans} save=${save} base=${base} isChanged=${isChanged} onChange=${setForm}
    onClose=${onClose} />`;
}

/** Returns the stored key and its entity tag, or an empty object if it was deleted. */
async function currentKey(id) {
  try {
    const { data: key, etag } = await admin.get(segments("keys", id));
    return { key, etag };
  } catch (error) {
    if (error.status === 404) return {};
    throw error;
  }
}

function Form({ form, plans, save, base, isChanged, onChange, onClose }) {
  const response = responseMistakes(save.error);
  const mistakes = { ...response.fields, ...formMistakes(form, { plans: plans.data }) };
  const element = useFocusOnMistake(save.error);
  const submit = (event) => {
    event.preventDefault();
    if (isChanged && Object.keys(formMistakes(form)).length === 0) save.run();
  };
  const change = (next) => {
    onChange(next);
    if (save.error?.status < 500) save.clear();
  };
  const fields = { form, mistakes, plans, onChange: change };
  const { close, question } = useDiscardQuestion(isChanged, onClose);
  return html`
    <${Dialog} title=${`Edit ${base.key.name || base.key.key_id}`} onClose=${close} isLocked=${save.isRunning}>
      <form ref=${element} onSubmit=${submit} novalidate>
        ${base.key.managed_by
          ? html`<${Notice} kind="warning"
              title=${`The key was created by ${base.key.managed_by}`}>It may undo changes that you make here.<//>`
          : null}
        <${BasicFields} ...${fields} />
        <${MoreFields} ...${fields} />
        ${save.error
          ? html`<${FormProblem} title="The key was not changed" error=${save.error} mistakes=${response} />`
          : null}
        ${question}
        <div class="actions end">
          <${Button} onClick=${close} disabled=${save.isRunning}>Cancel<//>
          <${Button} type="submit" kind="primary" disabled=${!isChanged} isBusy=${save.isRunning}
            title=${isChanged ? undefined : "There is no change to save."}>Save<//>
        </div>
      </form>
    <//>`;
}

function Deleted({ onClose }) {
  const action = html`<${Button} onClick=${onClose}>Close<//>`;
  return html`
    <${Notice} kind="problem" title="The key was deleted in the meantime" actions=${action}>
      Your change is not saved. A deleted key cannot be restored.
    <//>`;
}
