// The page of a plan: its form, its JSON, and what a change does.

import { segments } from "../../app/api.js";
import { takeCreated } from "../../app/created.js";
import { readDocument, useDocument } from "../../app/document.js";
import { html, useState } from "../../app/html.js";
import { parseJson } from "../../app/json_text.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { ActionButton } from "../../components/button.js";
import { Conflict } from "../../components/conflict.js";
import { useCheck } from "../../components/editor.js";
import { ManagedBy } from "../../components/managed_by.js";
import { Notice } from "../../components/notice.js";
import { Page, Section } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { SaveBar, Warnings } from "../../components/save_bar.js";
import { Empty, Resource } from "../../components/states.js";
import { DeletePlan } from "./delete.js";
import { DisablePlan, disables } from "./disable.js";
import { Impact } from "./impact.js";
import { Badges } from "./list.js";
import { PlanEditor } from "./plan_editor.js";

/** Shows a stored plan. */
export function EditPlan({ name }) {
  const plan = useResource(`plan ${name}`, (signal) => readDocument(segments("plans", name), signal));
  const title = html`<a href=${href(["plans"])}>Plans</a> / ${name}`;
  if (plan.error?.status === 404) {
    return html`
      <${Page} title=${title}>
        <${Empty} title=${`There is no plan ${name}`} actions=${html`<a href=${href(["plans"])}>Show all plans</a>`}>
          It may have been deleted.
        <//>
      <//>`;
  }
  if (plan.data === undefined) {
    return html`<${Page} title=${title}><${Resource} resource=${plan} label="Loading the plan" /><//>`;
  }
  return html`<${StoredPlan} name=${name} title=${title} stored=${plan.data} />`;
}

function StoredPlan({ name, title, stored }) {
  const path = segments("plans", name);
  const [saved, setSaved] = useState(() => (takeCreated(path) ? { isNew: true } : undefined));
  const [isDeleting, setIsDeleting] = useState(false);
  const [isDisabling, setIsDisabling] = useState(false);
  const plan = useDocument(path, stored, { onSaved: setSaved, onGone: () => navigate(["plans"]) });
  const check = useCheck("/plans/check", plan.text);
  const release = useUnsavedChanges(plan.isChanged, `The changes of the plan ${name} are not saved.`);

  const before = parseJson(plan.base.text);
  const after = parseJson(plan.text);
  const input = (text) => {
    setSaved(undefined);
    plan.setText(text);
  };
  const afterDeletion = () => {
    release();
    navigate(["plans"]);
  };
  const badges = html`<${Badges} plan=${before} managedBy=${plan.base.managedBy} />`;
  const actions = html`
    <${ActionButton} method="DELETE" path=${path} onClick=${() => setIsDeleting(true)}>Delete the plan<//>`;

  return html`
    <${Page} title=${title} intro=${badges} actions=${actions}>
      <${ManagedBy} kind="plan" name=${plan.base.managedBy} />
      ${saved ? html`<${Saved} name=${name} saved=${saved} />` : null}
      ${plan.conflict
        ? html`
          <${Conflict} what=${`The plan ${name}`} mine=${plan.text} theirs=${plan.conflict.theirs}
            onKeep=${plan.conflict.keep.run} isBusy=${plan.conflict.keep.isRunning}
            onTake=${plan.conflict.take} onEdit=${plan.conflict.edit} />
          ${plan.conflict.keep.error ? html`<${ProblemNotice} error=${plan.conflict.keep.error} />` : null}`
        : html`
          <${PlanEditor} text=${plan.text} onInput=${input} check=${check}>
            <${Impact} name=${name} before=${before} after=${after} isChanged=${plan.isChanged}
              check=${check} />
          <//>
          <${SaveBar} document=${plan} path=${path} check=${check} label="Save the plan"
            onSave=${disables(before, after) ? () => setIsDisabling(true) : undefined} />`}
      ${isDisabling
        ? html`<${DisablePlan} name=${name} action=${plan.save} onClose=${() => setIsDisabling(false)} />`
        : null}
      ${isDeleting
        ? html`
          <${DeletePlan} name=${name} etag=${plan.base.etag} onClose=${() => setIsDeleting(false)}
            onDeleted=${afterDeletion} />`
        : null}
    <//>`;
}

/** Says that a plan was saved, with the warnings of the API. */
function Saved({ name, saved: { isNew, warnings = [] } }) {
  const kind = warnings.length > 0 ? "warning" : "success";
  const title = `The plan ${name} is ${isNew ? "created" : "saved"}${warnings.length > 0 ? ", with warnings" : ""}.`;
  return html`
    <${Notice} kind=${kind} title=${title}>
      <${Warnings} items=${warnings} />
      ${isNew
        ? html`<p><a href=${href(["keys"], { create: "1", plan: name })}>Create a key on this plan</a></p>`
        : null}
    <//>`;
}
