// The page that creates a plan.

import { segments } from "../../app/api.js";
import { keepCreated } from "../../app/created.js";
import { readDocument, useDocument } from "../../app/document.js";
import { focusFirstMistake } from "../../app/first_mistake.js";
import { html, useRef, useState } from "../../app/html.js";
import { formatJson } from "../../app/json_text.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { ActionButton, Button } from "../../components/button.js";
import { useCheck } from "../../components/editor.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { Resource } from "../../components/states.js";
import { PlanEditor } from "./plan_editor.js";

/** The plan to begin with. */
const EXAMPLE = { throttle: { rate: 10, burst: 20 }, quotas: [{ limit: 10_000, period: "day" }] };

/** The segment of the address of a new plan. No plan has this name. */
export const NEW = "+new";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const INVALID_NAME = "The name needs 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit.";
const MISSING_NAME = "Enter a name.";

/** Shows the form of a new plan. It begins with an example, or with a copy of the plan `copyOf`. */
export function NewPlan({ copyOf }) {
  const source = useResource(`copy of ${copyOf}`, async (signal) => {
    if (copyOf === undefined) return { text: formatJson(EXAMPLE) };
    return readDocument(segments("plans", copyOf), signal);
  });
  const title = html`<a href=${href(["plans"])}>Plans</a> / New plan`;
  return html`
    <${Page} title=${title}>
      <${Resource} resource=${source} label="Loading the plan to copy">
        ${({ text }) => html`<${Form} initialText=${text} />`}
      <//>
    <//>`;
}

function Form({ initialText }) {
  const [name, setName] = useState("");
  const [isSubmitted, setIsSubmitted] = useState(false);
  const form = useRef(null);
  const trimmed = name.trim();
  const plan = useDocument(segments("plans", trimmed), undefined, {
    initialText,
    isNamed: true,
    onSaved: () => {
      release();
      keepCreated(segments("plans", trimmed));
      navigate(["plans", trimmed], {}, { replace: true });
    },
  });
  const check = useCheck("/plans/check", plan.text);
  const release = useUnsavedChanges(plan.isChanged || trimmed !== "", "The new plan is not saved.");

  const isInvalid = check.state === "invalid";
  const isNamed = NAME.test(trimmed);
  const nameError = !isNamed && (isSubmitted || trimmed !== "") ? nameMistake(trimmed) : undefined;
  const submit = (event) => {
    event?.preventDefault();
    setIsSubmitted(true);
    if (!isNamed) focusFirstMistake(form.current);
    else if (!isInvalid) plan.save.run();
  };

  return html`
    <form onSubmit=${submit} class="plan-name" ref=${form}>
      <${Field} label="Name" value=${name} onInput=${setName} error=${nameError}
        hint="Keys, tokens and the policy refer to a plan by its name. The name cannot be changed later." />
    </form>
    <${PlanEditor} text=${plan.text} onInput=${plan.setText} check=${check} />
    ${plan.save.error ? html`<${ProblemNotice} error=${plan.save.error} />` : null}
    <div class="actions save-bar">
      <${ActionButton} kind="primary" method="PUT" path="/plans/new" isBusy=${plan.save.isRunning}
        disabled=${isInvalid} onClick=${submit}>Create the plan<//>
      <${Button} onClick=${() => navigate(["plans"])}>Cancel<//>
      <span class="hint" role="status">${isInvalid ? "Correct the mistakes to save." : ""}</span>
    </div>`;
}

function nameMistake(name) {
  return name === "" ? MISSING_NAME : INVALID_NAME;
}
