// The page that creates a plan.

import { segments } from "../../app/api.js";
import { readDocument } from "../../app/document.js";
import { html } from "../../app/html.js";
import { formatJson } from "../../app/json_text.js";
import { useNewDocument } from "../../app/new_document.js";
import { useResource } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { CreateBar } from "../../components/create_bar.js";
import { useCheck } from "../../components/editor.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { Resource } from "../../components/states.js";
import { PlanEditor } from "./plan_editor.js";

/** The plan to begin with. */
const EXAMPLE = { throttle: { rate: 10, burst: 20 }, quotas: [{ limit: 10_000, period: "day" }] };

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
  const created = useNewDocument({
    list: "plans",
    page: "plans",
    initialText,
    useTextCheck: (text) => useCheck("/plans/check", text),
    isTextChanged: (document) => document.isChanged,
    warning: "The new plan is not saved.",
  });
  const { name, setName, nameError, form, document, check, submit } = created;
  return html`
    <form onSubmit=${submit} class="plan-name" ref=${form}>
      <${Field} label="Name" value=${name} onInput=${setName} error=${nameError}
        hint="Keys, tokens and the policy refer to a plan by its name. The name cannot be changed later." />
    </form>
    <${PlanEditor} text=${document.text} onInput=${document.setText} check=${check} />
    <${CreateBar} created=${created} list="plans" page="plans" label="Create the plan" />`;
}
