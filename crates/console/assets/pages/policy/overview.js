// The policy in force, and the policies of the registry.

import { consoleApi, segments } from "../../app/api.js";
import { readDocument } from "../../app/document.js";
import { html, useState } from "../../app/html.js";
import { formatJson, parseJson } from "../../app/json_text.js";
import { NEW } from "../../app/new_document.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { useUnsavedChanges } from "../../app/unsaved.js";
import { ActionButton, Button } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { Page, Section } from "../../components/page.js";
import { Resource } from "../../components/states.js";
import { EXAMPLE, keepDraft } from "./draft.js";
import { PolicyList } from "./list.js";
import { sourceWords } from "./source.js";
import { usePolicyCheck, Workbench } from "./workbench.js";

const INTRO = "The policy defines which issuers are trusted and which credentials each path requires.";

/** Returns the policy in force. The text of a policy of the registry is read there. */
async function loadPolicy(signal) {
  const { data } = await consoleApi.get("/policy", { signal });
  if (data.text !== undefined || data.source.kind !== "table") return data;
  const { text } = await readDocument(segments("policies", data.source.name), signal);
  return { ...data, text };
}

/** Shows the policy in force with its source, and the policies of the registry. */
export function PolicyOverview({ target }) {
  const policy = useResource("policy in force", loadPolicy);
  const create = () => navigate(["policy", NEW]);
  const actions = html`
    <${ActionButton} kind="primary" method="PUT" path="/policies/new" onClick=${create}>Create a policy<//>`;
  return html`
    <${Page} title="Policy" intro=${INTRO} actions=${actions}>
      <${Section} title="In force">
        <${Resource} resource=${policy} label="Loading the policy in force">
          ${(data) => html`<${InForce} policy=${data} isLocal=${target.kind === "local"} />`}
        <//>
      <//>
      <${PolicyList} inForce=${policy.data?.source.kind === "table" ? policy.data.source.name : undefined} />
    <//>`;
}

function InForce({ policy, isLocal }) {
  const { title, change, isReadOnly } = sourceWords(policy.source, isLocal);
  const edit = isReadOnly
    ? null
    : html`<p><a href=${href(["policy", policy.source.name])}>Edit the policy ${policy.source.name}</a></p>`;
  return html`
    <${Notice} kind="info" title=${title}><p>${change}</p>${edit}<//>
    <${Scratch} text=${readable(policy.text)} />`;
}

/** Returns a text with line breaks. A policy in a parameter is often one line. */
function readable(text) {
  if (text === undefined) return undefined;
  const value = text.includes("\n") ? undefined : parseJson(text);
  return value === undefined ? text : formatJson(value);
}

/** Shows a text to test. It cannot be saved in place, but as a policy of the registry. */
function Scratch({ text: initial }) {
  const isKnown = initial !== undefined;
  const [text, setText] = useState(initial ?? EXAMPLE);
  const check = usePolicyCheck(text);
  const isChanged = text !== (initial ?? EXAMPLE);
  const release = useUnsavedChanges(isChanged, "The changed policy text is not saved.");

  const store = () => {
    keepDraft(text);
    release();
    navigate(["policy", NEW]);
  };
  const hint = isKnown
    ? "Changes here are for tests only and are not saved."
    : "The text in force is not known here. Paste the policy to test it. Nothing is saved.";
  return html`
    <${Workbench} label=${isKnown ? "Policy in force" : "Policy to test"} text=${text} onInput=${setText}
      check=${check} hint=${hint}>
      <div class="actions">
        <${ActionButton} method="PUT" path="/policies/new" onClick=${store}>Save in the registry as …<//>
        <${Button} onClick=${() => setText(initial ?? EXAMPLE)} disabled=${!isChanged}>Discard changes<//>
      </div>
    <//>`;
}
