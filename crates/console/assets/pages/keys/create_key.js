// The dialog for a new key, then its secret.

import { admin, segments } from "../../app/api.js";
import { html, useRef, useState } from "../../app/html.js";
import { idempotencyKeys } from "../../app/idempotency.js";
import { formMistakes, formOf, newKeyOf, responseMistakes } from "../../app/key_form.js";
import { useAction } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { useDiscardQuestion } from "../../components/discard_changes.js";
import { BasicFields, MORE_FIELDS, MoreFields } from "../../components/key_form.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { SecretDialog } from "../../components/secret_dialog.js";

/** Asks for the fields of a key, creates it and shows its secret. `plan` is chosen first. `onCreated` gets the key. */
export function CreateKey({ target, plans, plan = "", onCreated, onClose }) {
  const [empty] = useState({ ...formOf(), plan });
  const [form, setForm] = useState(empty);
  const [isChecked, setChecked] = useState(false);
  const [created, setCreated] = useState();
  const headers = useRef(idempotencyKeys());
  const create = useAction(async () => {
    const { data, etag } = await send(form, headers.current);
    const { key: secret, ...key } = data;
    onCreated({ ...key, etag });
    setCreated({ secret, key });
  });

  const { close, question } = useDiscardQuestion(form !== empty, onClose);
  if (created) return html`<${Created} created=${created} target=${target} onClose=${onClose} />`;
  const own = isChecked ? formMistakes(form, { plans: plans.data }) : {};
  const response = responseMistakes(create.error);
  const mistakes = { ...response.fields, ...own };
  const submit = (event) => {
    event.preventDefault();
    setChecked(true);
    if (Object.keys(formMistakes(form)).length === 0) create.run();
  };
  const fields = { form, mistakes, plans, onChange: setForm };
  return html`
    <${Dialog} title="Create a key" onClose=${close} isLocked=${create.isRunning}>
      <form onSubmit=${submit} novalidate>
        ${plans.data?.size === 0 ? html`<${NoPlans} />` : null}
        <${BasicFields} ...${fields} />
        <details class="more" open=${MORE_FIELDS.some((name) => mistakes[name])}>
          <summary>More</summary>
          <${MoreFields} ...${fields} isNew />
        </details>
        ${create.error ? html`<${CreateProblem} error=${create.error} others=${response.others} />` : null}
        ${question}
        <div class="actions end">
          <${Button} onClick=${close} disabled=${create.isRunning}>Cancel<//>
          <${Button} type="submit" kind="primary" isBusy=${create.isRunning}>Create key<//>
        </div>
      </form>
    <//>`;
}

/** Creates a key. A repeated request with the same fields returns the first response again. */
function send(form, headersOf) {
  const document = newKeyOf(form);
  const headers = headersOf({ id: form.id, document });
  if (form.id === "") return admin.post("/keys", document, { headers });
  return admin.put(segments("keys", form.id), document, { headers: { ...headers, "if-none-match": "*" } });
}

function CreateProblem({ error, others }) {
  if (error.status === 412) {
    const title = "The id is already in use";
    return html`<${Notice} kind="problem" title=${title}>Choose another id, or keep the field empty.<//>`;
  }
  const shown = Object.assign(Object.create(Object.getPrototypeOf(error)), error, {
    message: error.message,
    errors: others,
  });
  return html`
    <${ProblemNotice} error=${shown} />
    ${error.status === undefined || error.status >= 500
      ? html`<p class="hint">It is safe to press the button again: the key is created once.</p>`
      : null}`;
}

function NoPlans() {
  return html`
    <${Notice} kind="warning" title="There are no plans yet">
      A key needs a plan. <a href=${href(["plans"])}>Create a plan first</a>.
    <//>`;
}

function Created({ created: { secret, key }, target, onClose }) {
  return html`
    <${SecretDialog} title="The key was created" secret=${secret} target=${target} onClose=${onClose}>
      <p>
        <strong>${key.name ?? key.key_id}</strong> is on the plan <strong>${key.plan}</strong>. Its id
        is <code>${key.key_id}</code>.
      </p>
    <//>`;
}
