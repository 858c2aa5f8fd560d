// The candidate of a policy: it is evaluated in addition, and can be put in force.

import { admin, segments } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { ActionButton } from "../../components/button.js";
import { Comparison } from "../../components/comparison.js";
import { Confirm } from "../../components/dialog.js";
import { Notice } from "../../components/notice.js";
import { Section } from "../../components/page.js";
import { Version } from "./version.js";

/** Shows the candidate, and how it differs from the policy. */
export function Candidate({ name, policy, candidate, isInForce, onReload }) {
  const [dialog, setDialog] = useState(undefined);
  const path = segments("policies", name, "candidate");
  const isStored = candidate.base !== undefined;
  const isReady = isStored && !candidate.isChanged;
  const close = () => setDialog(undefined);
  const differences = html`
    <${Section} title="Differences from the policy">
      <${Comparison} caption="The policy and its candidate" left=${policy.base.text} right=${candidate.text}
        leftTitle="Policy" rightTitle="Candidate" />
    <//>`;

  return html`
    <${About} isStored=${isStored} isInForce=${isInForce} />
    <${Version} what="The candidate" label="Candidate" document=${candidate} path=${path}
      saveLabel="Save the candidate" below=${differences}
      otherText=${policy.base.text}>
      ${isStored ? html`
        <${ActionButton} method="POST" path=${segments("policies", name, "promote")} disabled=${!isReady}
          onClick=${() => setDialog("promote")}>Promote<//>
        <${ActionButton} method="DELETE" path=${path}
          onClick=${() => setDialog("delete")}>Delete the candidate<//>` : null}
    <//>
    ${dialog === "promote"
      ? html`
        <${Promote} name=${name} policy=${policy} candidate=${candidate} isInForce=${isInForce} onClose=${close}
          onDone=${onReload} />`
      : null}
    ${dialog === "delete"
      ? html`<${DeleteCandidate} path=${path} etag=${candidate.base.etag} onClose=${close} onDone=${onReload} />`
      : null}`;
}

function About({ isStored, isInForce }) {
  const title = isStored ? "The candidate never affects a response" : "There is no candidate yet";
  const evaluated = isInForce
    ? "Authorizers evaluate it for each request and log each decision that would differ."
    : "Authorizers that use this policy evaluate it for each request and log each decision that would differ.";
  return html`
    <${Notice} kind="info" title=${title}>
      <p>${isStored ? evaluated : `Change the text below and save it as the candidate. ${evaluated}`}</p>
    <//>`;
}

function Promote({ name, policy, candidate, isInForce, onClose, onDone }) {
  const promote = useAction(async () => {
    await admin.post(segments("policies", name, "promote"), undefined, { headers: { "if-match": candidate.base.etag } });
    onDone(`The candidate is now the policy ${name}.`);
  });
  return html`
    <${Confirm} title=${`Promote the candidate of ${name}?`} confirm="Promote" kind="primary" action=${promote}
      onClose=${onClose} isWide=${true}>
      <p>The candidate replaces the policy.${isInForce ? " Instances load it within five minutes." : ""}</p>
      ${policy.isChanged ? html`<p>The unsaved changes of the policy are discarded.</p>` : null}
      <${Comparison} caption="What the promotion changes" left=${policy.base.text} right=${candidate.base.text}
        leftTitle="Policy" rightTitle="Candidate" />
    <//>`;
}

function DeleteCandidate({ path, etag, onClose, onDone }) {
  const remove = useAction(async () => {
    await admin.delete(path, { headers: { "if-match": etag } });
    onDone("The candidate is deleted.");
  });
  return html`
    <${Confirm} title="Delete the candidate?" confirm="Delete the candidate" action=${remove} onClose=${onClose}>
      <p>The policy stays as it is.</p>
    <//>`;
}
