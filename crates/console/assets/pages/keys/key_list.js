// The table of keys.

import { count, localTime, utcTime } from "../../app/format.js";
import { html } from "../../app/html.js";
import { keyState } from "../../app/key_state.js";
import { href } from "../../app/router.js";
import { KeyBadge } from "../../components/key_badge.js";
import { VirtualList } from "../../components/virtual_list.js";
import { lastUseText } from "./usage.js";

const ROW_HEIGHT = 52;
const CARD_HEIGHT = 104;
/** The order in which a column is sorted first. */
const FIRST_ORDER = { name: "", calls: "descending", last_used: "descending", created: "descending" };

/** Shows keys. `selected` is a set of ids. */
export function KeyList({ keys, plans, blocked, search, month, last, selected, onSelect, onChange }) {
  const sortable = (sort) => ({
    sort: search.sort === sort ? (search.order === "descending" ? "descending" : "ascending") : "none",
    onSort: () => onChange(nextSort(search, sort)),
  });
  const stateOf = (key) => keyState(key, plans, Date.now(), blocked?.has(key.key_id));
  const columns = [
    selectColumn(keys, selected, onSelect),
    { id: "name", title: "Key", cell: (key) => html`<${KeyName} keyed=${key} />`, ...sortable("name") },
    { id: "plan", title: "Plan", cell: (key) => html`<${PlanCell} keyed=${key} />` },
    { id: "state", title: "State", cell: (key) => html`<${KeyBadge} state=${stateOf(key)} />` },
    { id: "calls", title: "Calls this month", isNumber: true, cell: (key) => calls(key, month), ...sortable("calls") },
    { id: "last", title: "Last used", cell: (key) => lastUsed(key, last), ...sortable("last_used") },
    {
      id: "created",
      title: "Created",
      cell: (key) => html`<${Created} value=${key.created_at} />`,
      ...sortable("created"),
    },
  ];
  return html`
    <${VirtualList} caption="Keys" class="key-list" columns=${columns} rows=${keys} rowKey=${({ key_id }) => key_id}
      rowHeight=${ROW_HEIGHT} cardHeight=${CARD_HEIGHT} resetKey=${JSON.stringify(search)} />`;
}

function nextSort(search, sort) {
  const first = FIRST_ORDER[sort];
  if (search.sort !== sort) return { sort, order: first };
  return search.order === first ? { order: first === "" ? "descending" : "" } : { sort: "", order: "" };
}

function selectColumn(keys, selected, onSelect) {
  const isAll = keys.length > 0 && keys.every(({ key_id }) => selected.has(key_id));
  const all = (event) => onSelect(event.currentTarget.checked ? new Set(keys.map(({ key_id }) => key_id)) : new Set());
  const toggle = (id) => () => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    onSelect(next);
  };
  return {
    id: "select",
    title: "Select",
    header: html`<${Tick} label="Select all shown keys" isChecked=${isAll} onChange=${all} />`,
    cell: ({ key_id, name }) => html`
      <${Tick} label=${`Select ${name ?? key_id}`} isChecked=${selected.has(key_id)} onChange=${toggle(key_id)} />`,
  };
}

/** Shows a checkbox in an area that is large enough for a finger. */
function Tick({ label, isChecked, onChange }) {
  return html`
    <label class="tick">
      <input type="checkbox" aria-label=${label} checked=${isChecked} onChange=${onChange} />
    </label>`;
}

function KeyName({ keyed: { key_id, name, hint } }) {
  return html`
    <a class="key-name" href=${href(["keys", key_id])} title=${name ?? key_id}><bdi>${name || key_id}</bdi></a>
    <span class="second">
      ${name ? html`<code>${key_id}</code> ` : null}${hint ? html`<span
        title="The last characters of the secret">…${hint}</span>` : null}
    </span>`;
}

function PlanCell({ keyed: { plan, group } }) {
  return html`<span class="first"><bdi>${plan}</bdi></span>${group ? html`<span
    class="second">group <bdi>${group}</bdi></span>` : null}`;
}

function calls({ key_id }, month) {
  if (!month.data) return "–";
  const { calls: made = 0, refused = 0 } = month.data.get(key_id) ?? {};
  return html`
    <span class="first">${count(made)}<span class="card-label"> calls this month</span></span>
    ${refused > 0 ? html`<span class="second">${count(refused)} refused</span>` : null}`;
}

function lastUsed({ key_id, created_at: createdAt }, last) {
  return last.data ? lastUseText(last.data.get(key_id), createdAt) : "–";
}

function Created({ value }) {
  if (!value) return "–";
  return html`
    <time datetime=${value}><span class="first">${localTime(value)}</span><span
      class="second">${utcTime(value)}</span></time>`;
}
