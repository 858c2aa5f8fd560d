// The fields of a key, for new keys and for changes.

import { utcTime } from "../app/format.js";
import { html } from "../app/html.js";
import { instantOf } from "../app/key_form.js";
import { planSummary } from "../app/plans.js";
import { Button } from "./button.js";
import { Field } from "./field.js";

/** The fields that are shown only after "More". */
export const MORE_FIELDS = [
  "id",
  "description",
  "group",
  "subject",
  "scopes",
  "not_before",
  "allowed_ips",
  "prefix",
  "metadata",
];

/** Returns properties of the field of a form's value. */
function bind(form, mistakes, onChange, name) {
  return { value: form[name], error: mistakes[name], onInput: (value) => onChange({ ...form, [name]: value }) };
}

/** Shows the name, the plan and the expiry. `plans` is a resource. */
export function BasicFields({ form, mistakes, plans, onChange }) {
  const field = (name) => bind(form, mistakes, onChange, name);
  return html`
    <${Field} label="Name" data-autofocus ...${field("name")} maxlength="1024"
      hint="For people, such as the name of the customer." />
    <${PlanField} plans=${plans} ...${field("plan")} />
    <${InstantField} label="Expires" ...${field("expires_at")} hint="Empty: never." />`;
}

/** Shows the other fields. New keys can have an id and a prefix. */
export function MoreFields({ form, mistakes, isNew, onChange }) {
  const field = (name) => bind(form, mistakes, onChange, name);
  return html`
    ${isNew
      ? html`
      <${Field} label="Id" ...${field("id")} maxlength="64"
        hint="Names the key in logs and usage. Empty: a random id. It cannot be changed." />`
      : null}
    <${Field} label="Description" ...${field("description")} maxlength="1024" />
    <${Field} label="Group" ...${field("group")} maxlength="64"
      hint="All keys of a group and plan share one set of limits." />
    <${Field} label="Subject" ...${field("subject")} maxlength="256"
      hint="The user of the key. Your backend gets it as x-tollgate-user-id." />
    <${Field} label="Scopes" as="textarea" rows="2" ...${field("scopes")}
      hint="One per line. Rules of the policy can require scopes." />
    <${InstantField} label="Not valid before" ...${field("not_before")} hint="Empty: valid at once." />
    <${Field} label="Allowed addresses" as="textarea" rows="2" ...${field("allowed_ips")}
      hint="One address or network per line, such as 192.0.2.0/24. Empty: everywhere." />
    ${isNew
      ? html`
      <${Field} label="Prefix of the secret" ...${field("prefix")} maxlength="32" placeholder="tg_"
        hint="Letters, digits and _, with _ at the end." />`
      : null}
    <${MetadataField} rows=${form.metadata} error=${mistakes.metadata}
      onChange=${(metadata) => onChange({ ...form, metadata })} />`;
}

/** Shows a choice of plans with the limits of the chosen one. */
export function PlanField({ plans, value, error, onInput, label = "Plan", isFirst = false }) {
  const plan = plans.data?.get(value);
  const names = [...(plans.data?.keys() ?? [])];
  const hint = plan ? planSummary(plan) : plans.data?.size === 0 ? "There are no plans yet." : undefined;
  const problem =
    error ?? (plans.error && !plans.data ? `The plans could not be loaded: ${plans.error.message}` : undefined);
  return html`
    <${Field} label=${label} as="select" required data-autofocus=${isFirst || undefined} value=${value}
      error=${problem} hint=${hint}
      onInput=${onInput}>
      <option value="">${plans.isLoading && !plans.data ? "Loading plans …" : "Choose a plan"}</option>
      ${value !== "" && !plan ? html`<option value=${value}>${value}</option>` : null}
      ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    <//>`;
}

/** Shows an instant in the viewer's zone, with UTC below, and whether it is over. */
export function InstantField({ value, hint, ...rest }) {
  const instant = instantOf(value);
  const past = instant && Date.parse(instant) <= Date.now() ? ", in the past" : "";
  return html`<${Field} type="datetime-local" step="1" value=${value}
    hint=${instant ? `${utcTime(instant)}${past}` : hint}
    ...${rest} />`;
}

/** The most entries that a key can have. */
const MOST_ENTRIES = 16;

function MetadataField({ rows, error, onChange }) {
  const edit = (index, change) => onChange(rows.map((row, place) => (place === index ? { ...row, ...change } : row)));
  return html`
    <fieldset class="metadata">
      <legend>Metadata</legend>
      ${rows.map(({ name, value }, index) => html`
        <div class="metadata-row" key=${index}>
          <${Field} label=${`Name of entry ${index + 1}`} isLabelHidden placeholder="Name" value=${name}
            onInput=${(text) => edit(index, { name: text })} />
          <${Field} label=${`Value of entry ${index + 1}`} isLabelHidden placeholder="Value" value=${value}
            onInput=${(text) => edit(index, { value: text })} />
          <${Button} aria-label=${`Remove entry ${index + 1}`}
            onClick=${() => onChange(rows.filter((_, place) => place !== index))}>✕<//>
        </div>`)}
      ${error ? html`<p class="field-error" role="alert">${error}</p>` : null}
      <${Button} disabled=${rows.length >= MOST_ENTRIES}
        onClick=${() => onChange([...rows, { name: "", value: "" }])}>Add an entry<//>
      ${rows.length >= MOST_ENTRIES ? html`<p class="hint">A key has at most ${MOST_ENTRIES} entries.</p>` : null}
    </fieldset>`;
}
