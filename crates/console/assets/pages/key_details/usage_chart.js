// The usage by day, against the daily quota.

import { count, counted } from "../../app/format.js";
import { html, useMemo } from "../../app/html.js";
import { Chart } from "../../components/chart.js";
import { Field } from "../../components/field.js";
import { Section } from "../../components/page.js";
import { Resource } from "../../components/states.js";

const RANGES = [7, 30, 90, 365];

/** Shows a report of `useReport`. */
export function UsageChart({ report, days, onDays }) {
  const select = html`
    <${Field} label="Days" isLabelHidden as="select" value=${String(days)} onInput=${(value) => onDays(Number(value))}>
      ${RANGES.map((range) => html`<option key=${range} value=${String(range)}>Last ${range} days</option>`)}
    <//>`;
  return html`
    <${Section} title="Usage by day" actions=${select}>
      <${Resource} resource=${report} label="Loading the usage">
        ${(data) => html`<${DayChart} data=${data} days=${days} />`}
      <//>
    <//>`;
}

function DayChart({ data, days }) {
  const series = useMemo(() => seriesOf(data), [data]);
  const calls = data.days.reduce((sum, day) => sum + day.calls, 0);
  const refused = data.days.reduce((sum, day) => sum + day.refused, 0);
  const hint = data.quotas.some(({ period }) => period === "day")
    ? undefined
    : "The plan has no daily quota that the days could be compared with.";
  return html`
    <p>${counted(calls, "call")}, and ${count(refused)} refused by limits, in ${data.days.length} days.</p>
    <${Chart} caption=${`Calls of the last ${days} days`} x=${data.days.map(({ date }) => date)} xKind="label"
      xTitle="Day"
      series=${series} isStacked isWhole hint=${hint} />`;
}

/** Returns the series of a report: calls, refused calls, units if they differ from calls, and the daily quota. */
function seriesOf({ days, quotas }) {
  const series = [
    { label: "Calls", kind: "bar", color: 1, values: days.map(({ calls }) => calls) },
    { label: "Refused by limits", kind: "bar", color: 4, values: days.map(({ refused }) => refused) },
  ];
  if (days.some(({ used, calls }) => used !== calls)) {
    series.push({ label: "Units", kind: "line", color: 3, values: days.map(({ used }) => used) });
  }
  const quota = quotas.find(({ period }) => period === "day");
  if (quota)
    series.push({
      label: `Quota per day (${quota.name})`,
      kind: "limit",
      color: 2,
      values: days.map(() => quota.limit),
    });
  return series;
}
