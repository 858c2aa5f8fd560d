// The form above a report. The address contains the report, so that it can be shared.

import { html, useState } from "../../app/html.js";
import { navigate } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { SettledField } from "../../components/settled_field.js";
import {
  currentMonth,
  daysOf,
  daysProblem,
  DEFAULT_ZONE,
  isFiltered,
  months,
  monthText,
  PERIODS,
  zoneOf,
} from "./report.js";

/** The choice of any days in place of a month. */
const OTHER_DAYS = "days";

/** Opens a report. */
export function openReport({ month, from, to, by, plan, group, zone }) {
  const days = month ? { month: month === currentMonth(zone) ? "" : month } : { from, to };
  navigate(["usage"], { ...days, by: by === "total" ? "" : by, plan, group, zone });
}

/** Shows the choice of days, keys and periods. All apply at once, texts after a pause. */
export function Filter({ report, plans }) {
  const choose = (name) => (value) => openReport({ ...report, [name]: value });
  const chooseMonth = (value) => {
    if (value !== OTHER_DAYS) openReport({ ...report, month: value });
    else openReport({ ...report, month: "", ...endOfMonth(report) });
  };
  const clear = () => openReport({ ...report, plan: "", group: "", zone: "" });
  return html`
    <form class="toolbar" role="search" aria-label="Report" onSubmit=${(event) => event.preventDefault()}>
      <${MonthChoice} report=${report} onInput=${chooseMonth} />
      ${report.month ? null : html`<${DayFields} report=${report} />`}
      <${Field} label="Rows" as="select" value=${report.by} onInput=${choose("by")}>
        ${PERIODS.map(({ by, title }) => html`
          <option key=${by} value=${by} selected=${by === report.by}>${title}</option>`)}
      <//>
      <${Choice} label="Plan" all="All plans" value=${report.plan} values=${[...(plans?.keys() ?? [])]}
        onInput=${choose("plan")} />
      <${SettledField} label="Group" value=${report.group} placeholder="All groups" onSettle=${choose("group")} />
      ${report.zone ? html`
        <${Choice} label="Time zone of the days" all="That of each plan" value=${report.zone} values=${zonesOf(plans)}
          onInput=${choose("zone")} />` : null}
      <div class="actions">
        ${isFiltered(report) || report.zone ? html`<${Button} onClick=${clear}>Clear filters<//>` : null}
      </div>
    </form>`;
}

/** Shows the first and the last day. Days that the API would refuse are not applied. */
function DayFields({ report }) {
  const [days, setDays] = useState({ from: report.from, to: report.to });
  const problem = daysProblem(days);
  const set = (name) => (value) => {
    const next = { ...days, [name]: value };
    setDays(next);
    if (!daysProblem(next)) openReport({ ...report, ...next });
  };
  return html`
    <${Field} label="First day" type="date" required value=${days.from} error=${problem} onInput=${set("from")} />
    <${Field} label="Last day" type="date" required value=${days.to} onInput=${set("to")} />`;
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
