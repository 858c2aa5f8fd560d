// The form above a report. The address contains the report, so that it can be shared.

import { html, useState } from "../../app/html.js";
import { navigate } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { currentMonth, daysOf, DEFAULT_ZONE, isFiltered, months, monthText, PERIODS, zoneOf } from "./report.js";

/** The choice of any days in place of a month. */
const OTHER_DAYS = "days";

/** Opens a report. */
export function openReport({ month, from, to, by, plan, group, zone }) {
  const days = month ? { month: month === currentMonth(zone) ? "" : month } : { from, to };
  navigate(["usage"], { ...days, by: by === "total" ? "" : by, plan, group, zone });
}

/** Shows the choice of days, keys and periods. Choices apply at once, texts with Enter or the button. */
export function Filter({ report, plans }) {
  const [draft, setDraft] = useState(report);
  const set = (name) => (value) => setDraft((previous) => ({ ...previous, [name]: value }));
  const choose = (name) => (value) => openReport({ ...draft, [name]: value });
  const chooseMonth = (value) => {
    if (value !== OTHER_DAYS) openReport({ ...draft, month: value });
    else openReport({ ...draft, month: "", ...endOfMonth(report) });
  };
  const clear = () => openReport({ ...report, plan: "", group: "", zone: "" });
  const submit = (event) => {
    event.preventDefault();
    openReport(draft);
  };
  return html`
    <form class="toolbar" role="search" aria-label="Report" onSubmit=${submit}>
      <${MonthChoice} report=${report} onInput=${chooseMonth} />
      ${report.month ? null : html`
        <${Field} label="First day" type="date" required value=${draft.from} max=${draft.to} onInput=${set("from")} />
        <${Field} label="Last day" type="date" required value=${draft.to} min=${draft.from} onInput=${set("to")} />`}
      <${Field} label="Rows" as="select" value=${report.by} onInput=${choose("by")}>
        ${PERIODS.map(({ by, title }) => html`
          <option key=${by} value=${by} selected=${by === report.by}>${title}</option>`)}
      <//>
      <${Choice} label="Plan" all="All plans" value=${report.plan} values=${[...(plans?.keys() ?? [])]}
        onInput=${choose("plan")} />
      <${Field} label="Group" value=${draft.group} placeholder="All groups" onInput=${set("group")} />
      <${Choice} label="Time zone of the days" all="That of each plan" value=${report.zone} values=${zonesOf(plans)}
        onInput=${choose("zone")} />
      <div class="actions">
        <${Button} type="submit">Apply<//>
        ${isFiltered(report) || report.zone ? html`<${Button} kind="quiet" onClick=${clear}>Clear<//>` : null}
      </div>
    </form>`;
}

/** Returns all days of a month, as the start of the choice of any days. */
function endOfMonth(report) {
  const { from, to } = daysOf(report);
  return { from, to: to ?? new Date().toISOString().slice(0, 10) };
}

function MonthChoice({ report, onInput }) {
  const shown = months(report.zone);
  const all = report.month && !shown.includes(report.month) ? [report.month, ...shown] : shown;
  const chosen = report.month || OTHER_DAYS;
  return html`
    <${Field} label="Month" as="select" value=${chosen} onInput=${onInput}>
      ${all.map((month) => html`
        <option key=${month} value=${month} selected=${month === chosen}>${monthText(month)}</option>`)}
      <option value=${OTHER_DAYS} selected=${chosen === OTHER_DAYS}>Other days</option>
    <//>`;
}

/** Shows a choice that always contains the current value, also before the list of values is loaded. */
function Choice({ label, all, value, values, onInput }) {
  const names = [...new Set([...values, ...(value ? [value] : [])])].sort();
  return html`
    <${Field} label=${label} as="select" value=${value} onInput=${onInput}>
      <option value="" selected=${value === ""}>${all}</option>
      ${names.map((name) => html`<option key=${name} value=${name} selected=${name === value}>${name}</option>`)}
    <//>`;
}

/** Returns the time zones in which the plans count days. */
function zonesOf(plans) {
  return [...new Set([DEFAULT_ZONE, ...[...(plans?.values() ?? [])].map(zoneOf)])];
}
