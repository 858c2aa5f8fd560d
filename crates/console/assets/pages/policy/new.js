// The page that creates a policy of the registry.

import { html, useState } from "../../app/html.js";
import { useNewDocument } from "../../app/new_document.js";
import { href } from "../../app/router.js";
import { CreateBar } from "../../components/create_bar.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { EXAMPLE, takeDraft } from "./draft.js";
import { usePolicyCheck, Workbench } from "./workbench.js";

/** Shows the form of a new policy. It begins with the draft of another page, or an example. */
export function NewPolicy() {
  const [initialText] = useState(() => takeDraft() ?? EXAMPLE);
  const created = useNewDocument({
    list: "policies",
    page: "policy",
    initialText,
    useTextCheck: usePolicyCheck,
    isTextChanged: (document) => document.text !== EXAMPLE,
    warning: "The new policy is not saved.",
  });
  const { name, setName, nameError, form, document, check, submit } = created;
  return html`
    <${Page} title=${html`<a href=${href(["policy"])}>Policy</a> / New policy`}
      intro="It is stored in the registry. Authorizers with AuthPolicy=table:NAME use it.">
      <form onSubmit=${submit} class="plan-name" ref=${form}>
        <${Field} label="Name" value=${name} onInput=${setName} error=${nameError} />
      </form>
      <${Workbench} label="Policy" text=${document.text} onInput=${document.setText} check=${check}>
        <${CreateBar} created=${created} list="policies" page="policy" label="Create the policy" />
      <//>
    <//>`;
}
