// The numbers of a chart as a table, for keyboards and screen readers.

import { html, useState } from "../../app/html.js";
import { Table } from "../table.js";
import { Time } from "../time.js";

/** Shows a table of the numbers that opens on request, newest first for instants. */
export function ChartTable({ chart }) {
  const [isOpen, setIsOpen] = useState(false);
  return html`
    <details class="chart-table" onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
      <summary>Show as a table</summary>
      ${isOpen ? html`<${Numbers} chart=${chart} />` : null}
    </details>`;
}

function Numbers({ chart: { caption, x, xKind, xTitle, series, format } }) {
  const isTime = xKind === "time";
  const positions = x.map((_, index) => index);
  const position = (index) => (isTime ? html`<${Time} value=${new Date(x[index]).toISOString()} />` : x[index]);
  const columns = [
    { title: xTitle, cell: position },
    ...series.map(({ label, values }) => ({ title: label, isNumber: true, cell: (index) => format(values[index]) })),
  ];
  const rows = isTime ? positions.reverse() : positions;
  return html`
    <div class="chart-numbers">
      <${Table} caption=${`${caption}: numbers`} columns=${columns} rows=${rows} rowKey=${(index) => x[index]} />
    </div>`;
}
