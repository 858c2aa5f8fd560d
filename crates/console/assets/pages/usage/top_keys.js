// The ten keys with the most calls in a month.

import { admin, withQuery } from "../../app/api.js";
import { share } from "../../app/format.js";
import { html, useMemo, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Chart } from "../../components/chart.js";
import { Section } from "../../components/page.js";
import { Empty, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { KEY, NUMBERS, OWNERS } from "./cells.js";
import { parametersOf, reportText } from "./report.js";
import { seriesByDay, seriesByKey, topRows } from "./series.js";

const NUMBER = 10;

/** Shows the keys with the most calls. `totals` are the sums of all keys, once they are known. */
export function TopKeys({ report, totals, isOnRequest }) {
  const [isWanted, setIsWanted] = useState(!isOnRequest);
  return html`
    <${Section} title="Top ten keys by calls">
      ${content({ report, totals, isWanted, onStart: () => setIsWanted(true) })}
    <//>`;
}

function content({ report, totals, isWanted, onStart }) {
  if (!report.month) {
    return html`<p class="hint">Calls are ordered per month. Choose a month to see the keys with the most calls.</p>`;
  }
  if (!isWanted) {
    const actions = html`<${Button} onClick=${onStart}>Find the top ten<//>`;
    return html`
      <${Empty} title="The order is found on request" actions=${actions}>
        The API reads the usage of every key for it, which AWS charges for. With 10,000 keys it takes up to 20 s.
      <//>`;
  }
  return html`<${Loaded} report=${report} totals=${totals} />`;
}

function Loaded({ report, totals }) {
  const by = report.by === "day" ? "day" : undefined;
  const query = withQuery("/usage", { ...parametersOf(report), by, order: "calls", limit: NUMBER });
  const top = useResource(query, async (signal) => (await admin.get(query, { signal })).data.items);
  return html`
    <${Resource} resource=${top} label="Finding the keys with the most calls">
      ${(items) => html`<${Top} items=${items} report=${report} totals=${totals} />`}
    <//>`;
}

function Top({ items, report, totals }) {
  const rows = useMemo(() => topRows(items).filter(({ calls }) => calls > 0), [items]);
  const calls = rows.reduce((sum, row) => sum + row.calls, 0);
  if (calls === 0) return html`<p class="hint">No key was called in ${reportText(report)}.</p>`;

  const isComplete = totals !== undefined && !totals.isCut;
  const total = isComplete ? totals.calls : calls;
  const title = isComplete ? "Share of all calls" : "Share of these";
  const ofTotal = { title, isNumber: true, cell: (row) => share(row.calls, total) };
  const columns = [KEY, ...NUMBERS, ofTotal, ...OWNERS];
  return html`
    <${TopChart} items=${items} rows=${rows} report=${report} />
    <${Table} caption="Keys with the most calls" columns=${columns} rows=${rows}
      rowKey=${(row) => `${row.key_id} ${row.deleted_at ?? ""}`} />`;
}

function TopChart({ items, rows, report }) {
  const isByDay = report.by === "day";
  const { x, series } = useMemo(() => (isByDay ? seriesByDay(items, rows) : seriesByKey(rows)), [items, rows, isByDay]);
  return html`
    <${Chart} caption=${isByDay ? "Calls of the top ten keys by day" : "Calls and refused calls of the top ten keys"}
      xKind="label" xTitle=${isByDay ? "Day" : "Key"} x=${x} series=${series} isStacked isWhole />`;
}
