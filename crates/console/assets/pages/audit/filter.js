// The form above the records. The address contains the filter, so that it can be shared.

import { html, useState } from "../../app/html.js";
import { navigate } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { ACTION_GROUPS } from "./actions.js";
import { hasFilter, PERIODS } from "./filter_parameters.js";

/** Shows the filter. Choices apply at once, texts with Enter or the button. */
export function Filter({ filter, isLocal }) {
  const [draft, setDraft] = useState(filter);
  const apply = (changed) => navigate(["audit"], changed);
  const set = (field) => (value) => setDraft((previous) => ({ ...previous, [field]: value }));
  const choose = (field) => (event) => apply({ ...draft, [field]: event.currentTarget.value });
  const submit = (event) => {
    event.preventDefault();
    apply(draft);
  };

  return html`
    <form class="toolbar" role="search" aria-label="Filter of the records" onSubmit=${submit}>
      <${Choice} label="Period" value=${draft.period} onChange=${choose("period")}>
        ${PERIODS.map(({ value, title }) => html`
          <option key=${value} value=${value} selected=${value === draft.period}>${title}</option>`)}
      <//>
      ${filter.period === "days" ? html`
        <${Field} label="First day (UTC)" type="date" value=${draft.from} onInput=${set("from")} />
        <${Field} label="Last day (UTC)" type="date" value=${draft.to} onInput=${set("to")} />` : null}
      <${Choice} label="Change" value=${draft.action} onChange=${choose("action")}>
        <option value="" selected=${draft.action === ""}>All changes</option>
        ${ACTION_GROUPS.map((group) => html`
          <${ActionOptions} key=${group.kind} group=${group} chosen=${draft.action} />`)}
      <//>
      <${Field} label="Object" value=${draft.target} onInput=${set("target")}
        placeholder="Id of a key, or name of a plan" />
      ${isLocal ? null : html`
        <${Field} label="Changed by" value=${draft.principal} onInput=${set("principal")}
          placeholder="arn:aws:sts::…" />`}
      <div class="actions">
        <${Button} type="submit">Apply<//>
        ${hasFilter(filter) ? html`<${Button} kind="quiet" onClick=${() => apply({})}>Clear<//>` : null}
      </div>
    </form>`;
}

function Choice({ label, value, onChange, children }) {
  return html`<${Field} as="select" label=${label} value=${value} onChange=${onChange}>${children}<//>`;
}

function ActionOptions({ group: { kind, title, actions }, chosen }) {
  return html`
    <optgroup label=${title}>
      <option value=${kind} selected=${chosen === kind}>${title}: all changes</option>
      ${Object.entries(actions).map(([verb, word]) => {
        const action = `${kind}.${verb}`;
        const text = `${title}: ${word.toLowerCase()}`;
        return html`<option key=${action} value=${action} selected=${chosen === action}>${text}</option>`;
      })}
    </optgroup>`;
}
