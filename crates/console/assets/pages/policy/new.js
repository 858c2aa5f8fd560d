// The page that creates a policy of the registry.

import { segments } from "../../app/api.js";
import { keepCreated } from "../../app/created.js";
import { useDocument } from "../../app/document.js";
import { focusFirstMistake } from "../../app/first_mistake.js";
import { html, useRef, useState } from "../../app/html.js";
import { href, navigate } from "../../app/router.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { ActionButton, Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { EXAMPLE, takeDraft } from "./draft.js";
import { usePolicyCheck, Workbench } from "./workbench.js";

/** The segment of the address of a new policy. No policy has this name. */
export const NEW = "+new";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const INVALID_NAME = "The name needs 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit.";
const MISSING_NAME = "Enter a name.";

/** Shows the form of a new policy. It begins with the draft of another page, or an example. */
export function NewPolicy() {
  const [initialText] = useState(() => takeDraft() ?? EXAMPLE);
  const [name, setName] = useState("");
  const [isSubmitted, setIsSubmitted] = useState(false);
  const form = useRef(null);
  const trimmed = name.trim();
  const policy = useDocument(segments("policies", trimmed), undefined, {
    initialText,
    isNamed: true,
    onSaved: () => {
      release();
      keepCreated(segments("policies", trimmed));
      navigate(["policy", trimmed], {}, { replace: true });
    },
  });
  const check = usePolicyCheck(policy.text);
  const release = useUnsavedChanges(policy.text !== EXAMPLE || trimmed !== "", "The new policy is not saved.");

  const isInvalid = check.state === "invalid";
  const isNamed = NAME.test(trimmed);
  const nameError = !isNamed && (isSubmitted || trimmed !== "") ? nameMistake(trimmed) : undefined;
  const submit = (event) => {
    event?.preventDefault();
    setIsSubmitted(true);
    if (!isNamed) focusFirstMistake(form.current);
    else if (!isInvalid) policy.save.run();
  };
  return html`
    <${Page} title=${html`<a href=${href(["policy"])}>Policy</a> / New policy`}
      intro="It is stored in the registry. Authorizers with AuthPolicy=table:NAME use it.">
      <form onSubmit=${submit} class="plan-name" ref=${form}>
        <${Field} label="Name" value=${name} onInput=${setName} error=${nameError} />
      </form>
      <${Workbench} label="Policy" text=${policy.text} onInput=${policy.setText} check=${check}>
        ${policy.save.error ? html`<${ProblemNotice} error=${policy.save.error} />` : null}
        <div class="actions save-bar">
          <${ActionButton} kind="primary" method="PUT" path="/policies/new" isBusy=${policy.save.isRunning}
            disabled=${isInvalid} onClick=${submit}>Create the policy<//>
          <${Button} onClick=${() => navigate(["policy"])}>Cancel<//>
          <span class="hint" role="status">${isInvalid ? "Correct the mistakes to save." : ""}</span>
        </div>
      <//>
    <//>`;
}

function nameMistake(name) {
  return name === "" ? MISSING_NAME : INVALID_NAME;
}
