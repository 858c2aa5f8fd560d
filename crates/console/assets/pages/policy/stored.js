// A policy of the registry: the stored version and its candidate.

import { segments } from "../../app/api.js";
import { takeCreated } from "../../app/created.js";
import { readDocument, useDocument } from "../../app/document.js";
import { html, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { ActionButton } from "../../components/button.js";
import { Confirm } from "../../components/dialog.js";
import { ManagedBy } from "../../components/managed_by.js";
import { Notice } from "../../components/notice.js";
import { Page } from "../../components/page.js";
import { Empty, Resource } from "../../components/states.js";
import { Candidate } from "./candidate.js";
import { DeletePolicy } from "./delete.js";
import { loadPolicies } from "./list.js";
import { Version } from "./version.js";

const IN_FORCE = "This policy is in force: instances load a saved version within five minutes.";
const NOT_IN_FORCE = "This policy is stored in the registry, and not in force here.";

/** Loads a policy and its candidate. The list says whether there is one. */
async function load(name, signal) {
  const path = segments("policies", name);
  const [policy, policies] = await Promise.all([readDocument(path, signal), loadPolicies(signal)]);
  const hasCandidate = policies.find((item) => item.name === name)?.candidate;
  const candidate = hasCandidate ? await readDocument(`${path}/candidate`, signal) : undefined;
  return { policy, candidate };
}

/** Shows a policy of the registry. */
export function StoredPolicy({ name, target, route }) {
  const [generation, setGeneration] = useState(0);
  const [message, setMessage] = useState(() => {
    return takeCreated(segments("policies", name)) ? `The policy ${name} is created.` : undefined;
  });
  const loaded = useResource(`policy ${name} ${generation}`, (signal) => load(name, signal));
  const title = html`<a href=${href(["policy"])}>Policy</a> / ${name}`;

  if (loaded.error?.status === 404) {
    const back = html`<a href=${href(["policy"])}>Show all policies</a>`;
    return html`
      <${Page} title=${title}>
        <${Empty} title=${`There is no policy ${name}`} actions=${back}>It may have been deleted.<//>
      <//>`;
  }
  if (!loaded.data) {
    return html`<${Page} title=${title}><${Resource} resource=${loaded} label="Loading the policy" /><//>`;
  }

  const source = target.policy_source;
  const isInForce = source?.kind === "table" && source.name === name;
  const reload = (text) => {
    setMessage(text);
    setGeneration(generation + 1);
  };
  return html`
    <${Versions} key=${generation} name=${name} title=${title} isInForce=${isInForce} stored=${loaded.data}
      version=${route.parameters.get("version")} message=${message} onReload=${reload} onMessage=${setMessage} />`;
}

function Versions({ name, title, isInForce, stored, version, message, onReload, onMessage }) {
  const [isDeleting, setIsDeleting] = useState(false);
  const [isConfirming, setIsConfirming] = useState(false);
  const path = segments("policies", name);
  const saved = (text) => ({ warnings }) => onMessage(warnings.length > 0 ? `${text} It has warnings.` : text);
  const policy = useDocument(path, stored.policy, {
    onSaved: saved(`The policy ${name} is saved.`),
    onGone: () => navigate(["policy"]),
  });
  const candidate = useDocument(`${path}/candidate`, stored.candidate, {
    initialText: stored.policy.text,
    onSaved: saved("The candidate is saved."),
    onGone: () => onReload("The candidate was deleted."),
  });
  const isChanged = policy.isChanged || candidate.isChanged;
  const release = useUnsavedChanges(isChanged, `The changes of the policy ${name} are not saved.`);

  const isCandidate = version === "candidate";
  const show = (shown) => navigate(["policy", name], { version: shown });
  const copy = () => {
    candidate.setText(policy.text);
    onMessage(undefined);
    show("candidate");
  };
  const afterDeletion = () => {
    release();
    navigate(["policy"]);
  };
  const actions = html`
    <${ActionButton} method="DELETE" path=${path} onClick=${() => setIsDeleting(true)}>Delete the policy<//>`;
  return html`
    <${Page} title=${title} actions=${actions} intro=${isInForce ? IN_FORCE : NOT_IN_FORCE}>
      <${ManagedBy} kind="policy" name=${policy.base.managedBy} />
      ${message ? html`<${Notice} kind="success" title=${message} />` : null}
      <nav class="tabs" aria-label="Versions of the policy">
        <a href=${href(["policy", name])} aria-current=${isCandidate ? undefined : "page"}>
          Policy${policy.isChanged ? " (not saved)" : ""}</a>
        <a href=${href(["policy", name], { version: "candidate" })} aria-current=${isCandidate ? "page" : undefined}>
          Candidate${candidate.base ? "" : " (none)"}${candidate.isChanged ? " (not saved)" : ""}</a>
      </nav>
      ${isCandidate
        ? html`
          <${Candidate} key="candidate" name=${name} policy=${policy} candidate=${candidate} isInForce=${isInForce}
            onReload=${onReload} />`
        : html`
          <${Version} key="policy" what=${`The policy ${name}`} label="Policy" document=${policy} path=${path}
            saveLabel="Save the policy" onSave=${isInForce ? () => setIsConfirming(true) : undefined}>
            <${ActionButton} method="PUT" path=${`${path}/candidate`} onClick=${copy}>Edit a copy as the candidate<//>
          <//>`}
      ${isConfirming
        ? html`<${SaveInForce} name=${name} policy=${policy} onClose=${() => setIsConfirming(false)} />`
        : null}
      ${isDeleting
        ? html`
          <${DeletePolicy} name=${name} etag=${policy.base.etag} isInForce=${isInForce}
            onClose=${() => setIsDeleting(false)} onDeleted=${afterDeletion} />`
        : null}
    <//>`;
}

/** Asks before the policy in force is replaced. */
function SaveInForce({ name, policy, onClose }) {
  return html`
    <${Confirm} title=${`Save the policy ${name}, which is in force?`} confirm="Save" kind="primary"
      action=${policy.save} onClose=${onClose}>
      <p>Instances load it within five minutes. From then on, it decides every request.</p>
      <p>To see first which decisions would differ, save the text as the candidate instead.</p>
    <//>`;
}
