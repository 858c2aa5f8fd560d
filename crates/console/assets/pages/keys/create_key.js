// The dialog for a new key, then its secret.

import { admin, segments } from "../../app/api.js";
import { html, useLayoutEffect, useRef, useState } from "../../app/html.js";
import { idempotencyKeys } from "../../app/idempotency.js";
import { formMistakes, formOf, newKeyOf, responseMistakes } from "../../app/key_form.js";
import { useAction } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { useDiscardQuestion } from "../../components/discard_changes.js";
import { FormProblem, useFocusOnMistake } from "../../components/form_problem.js";
import { BasicFields, MORE_FIELDS, MoreFields } from "../../components/key_form.js";
import { Notice } from "../../components/notice.js";
import { SecretDialog } from "../../components/secret_dialog.js";

/** Asks for the fields of a key, creates it and shows its secret. `plan` is chosen first. `onCreated` gets the key. */
export function CreateKey({ target, plans, plan = "", onCreated, onClose }) {
  const [empty] = useState({ ...formOf(), plan });
  const [form, setForm] = useState(empty);
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
  const change = (next) => {
    setForm(next);
    // Mistakes that the server found are those of the earlier values.
    if (create.error?.status < 500) create.clear();
  };
  return html`
    <${Dialog} title="Create a key" onClose=${close} isLocked=${create.isRunning}>
      <${Form} form=${form} plans=${plans} create=${create} question=${question} onChange=${change} onClose=${close} />
    <//>`;
}

function Form({ form, plans, create, question, onChange, onClose }) {
  const [attempt, setAttempt] = useState(0);
  const own = formMistakes(form, { plans: plans.data, isNew: true });
  const response = mistakesOf(create.error);
  const mistakes = { ...response.fields, ...(attempt > 0 ? own : {}) };
  const element = useFocusOnMistake(create.error ?? attempt);

  const [isMore, setMore] = useState(false);
  const needsMore = MORE_FIELDS.some((name) => mistakes[name]);
  useLayoutEffect(() => {
    if (needsMore) setMore(true);
  }, [needsMore]);

  const submit = (event) => {
    event.preventDefault();
    setAttempt(attempt + 1);
    if (Object.keys(own).length === 0) create.run();
  };
  const fields = { form, mistakes, plans, onChange };
  return html`
    <form ref=${element} onSubmit=${submit} novalidate>
      ${plans.data?.size === 0 ? html`<${NoPlans} />` : null}
      <${BasicFields} ...${fields} />
      <details class="more" open=${isMore || needsMore} onToggle=${(event) => setMore(event.currentTarget.open)}>
        <summary>More</summary>
        <${MoreFields} ...${fields} isNew />
      </details>
      ${create.error ? html`<${CreateProblem} error=${create.error} mistakes=${response} />` : null}
      ${question}
      <div class="actions end">
        <${Button} onClick=${onClose} disabled=${create.isRunning}>Cancel<//>
        <${Button} type="submit" kind="primary" isBusy=${create.isRunning}>Create the key<//>
      </div>
    </form>`;
}

/** Returns the mistakes of a response by field. An id that is in use is a mistake of its field. */
function mistakesOf(error) {
  if (error?.status !== 412) return responseMistakes(error);
  return { fields: { id: "This id is already in use. Choose another one, or keep the field empty." }, others: [] };
}

/** Creates a key. A repeated request with the same fields returns the first response again. */
function send(form, headersOf) {
  const document = newKeyOf(form);
  const headers = headersOf({ id: form.id, document });
  if (form.id === "") return admin.post("/keys", document, { headers });
  return admin.put(segments("keys", form.id), document, { headers: { ...headers, "if-none-match": "*" } });
}

function CreateProblem({ error, mistakes }) {
  const canRepeat = error.status === undefined || error.status >= 500;
  return html`
    <${FormProblem} title="The key was not created" error=${error} mistakes=${mistakes} />
    ${canRepeat ? html`<p class="hint">It is safe to press the button again: the key is created once.</p>` : null}`;
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
        <strong><bdi>${key.name ?? key.key_id}</bdi></strong> is on the plan <strong>${key.plan}</strong>. Its id
        is <code>${key.key_id}</code>.
      </p>
    <//>`;
}
