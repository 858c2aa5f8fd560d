// The search field and the filters of the page Keys.

import { utcDay } from "../../app/format.js";
import { html, useId, useMemo } from "../../app/html.js";
import { KEY_STATES } from "../../app/key_state.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { isFiltered } from "./filter.js";

const DAY_MS = 86_400_000;
const UNUSED_DAYS = [1, 7, 30, 90, 365];
/** The most groups that the field suggests. */
const MOST_GROUPS = 200;
const NO_FILTER = { q: "", plan: "", group: "", state: "", unused_since: "" };

/** Shows the search and the filters. `onChange` gets the changed parameters. */
export function FilterBar({ search, keys, plans, onChange }) {
  const change = (name) => (value) => onChange({ [name]: value });
  return html`
    <form class="filters" role="search" aria-label="Keys" onSubmit=${(event) => event.preventDefault()}>
      <${Field} label="Search" type="search" value=${search.q} onInput=${change("q")} class="search"
        placeholder="Id, name, metadata …" />
      <${PlanFilter} value=${search.plan} keys=${keys} plans=${plans} onInput=${change("plan")} />
      <${Field} label="State" as="select" value=${search.state} onInput=${change("state")}>
        <option value="">All states</option>
        <option value="enabled">Not disabled</option>
        ${Object.entries(KEY_STATES).map(([id, { label }]) => html`<option key=${id} value=${id}>${label}</option>`)}
      <//>
      <${GroupFilter} value=${search.group} keys=${keys} onInput=${change("group")} />
      <${UnusedFilter} value=${search.unused_since} onInput=${change("unused_since")} />
      ${isFiltered(search) ? html`<${Button} onClick=${() => onChange(NO_FILTER)}>Clear filters<//>` : null}
    </form>`;
}

function PlanFilter({ value, keys, plans, onInput }) {
  const names = useMemo(() => {
    const all = new Set([...(plans?.keys() ?? []), ...keys.map(({ plan }) => plan), ...(value ? [value] : [])]);
    return [...all].sort();
  }, [plans, keys, value]);
  return html`
    <${Field} label="Plan" as="select" value=${value} onInput=${onInput}>
      <option value="">All plans</option>
      ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    <//>`;
}

function GroupFilter({ value, keys, onInput }) {
  const id = useId();
  const groups = useMemo(() => {
    const all = new Set(keys.map(({ group }) => group).filter(Boolean));
    return [...all].sort().slice(0, MOST_GROUPS);
  }, [keys]);
  return html`
    <${Field} label="Group" type="text" list=${id} value=${value} onInput=${onInput} placeholder="All groups" />
    <datalist id=${id}>${groups.map((group) => html`<option key=${group} value=${group}></option>`)}</datalist>`;
}

function UnusedFilter({ value, onInput }) {
  const days = UNUSED_DAYS.map((count) => ({ count, day: utcDay(Date.now() - (count - 1) * DAY_MS) }));
  const isOther = value !== "" && !days.some(({ day }) => day === value);
  return html`
    <${Field} label="Last call" as="select" value=${value} onInput=${onInput}>
      <option value="">Any time</option>
      ${days.map(({ count, day }) => html`
        <option key=${day} value=${day}>${count === 1 ? "Not today" : `Not in ${count} days`}</option>`)}
      ${isOther ? html`<option value=${value}>Not since ${value}</option>` : null}
    <//>`;
}
