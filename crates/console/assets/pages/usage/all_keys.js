// All keys of a report, page by page.

import { admin, withQuery } from "../../app/api.js";
import { count, counted } from "../../app/format.js";
import { html, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Checkbox } from "../../components/field.js";
import { Section } from "../../components/page.js";
import { Empty, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { DAY, DAYS, KEY, NUMBERS, OWNERS, ZONE } from "./cells.js";
import { openReport } from "./filter.js";
import { isFiltered, parametersOf } from "./report.js";

/** Keys per page. With a row per day or month, a page has more rows than keys. */
const KEYS_PER_PAGE = { total: 100, day: 20, month: 50 };
/** The most pages without a key of the report that are skipped at once. */
const MAX_EMPTY_PAGES = 20;

/** Loads the rows from a cursor. Pages without rows are skipped, because they can occur before the end. */
async function load(report, cursor, signal) {
  const parameters = { ...parametersOf(report), limit: KEYS_PER_PAGE[report.by] };
  let next = cursor;
  for (let skipped = 0; ; skipped += 1) {
    const { data } = await admin.get(withQuery("/usage", { ...parameters, cursor: next }), { signal });
    next = data.next_cursor ?? undefined;
    if (data.items.length > 0 || !next || skipped >= MAX_EMPTY_PAGES) return { rows: data.items, next };
  }
}

/** Shows one page of rows, with buttons for the others. */
export function AllKeys({ report }) {
  // The cursors of the pages up to this one. The first page has none.
  const [cursors, setCursors] = useState([undefined]);
  const cursor = cursors.at(-1);
  const page = useResource(`usage ${cursor ?? ""}`, (signal) => load(report, cursor, signal));
  const [hasAll, setHasAll] = useState(report.by === "total");
  const reload = html`<${Button} onClick=${page.reload} isBusy=${page.isLoading}>Reload<//>`;
  return html`
    <${Section} title="All keys" actions=${reload}>
      ${report.by === "total" ? null : html`
        <${Checkbox} label="Also show days without calls" checked=${hasAll} onChange=${setHasAll} />`}
      <${Resource} resource=${page} label="Loading the usage">
        ${({ rows, next }) => html`
          ${rows.length === 0 && !next && cursors.length === 1
            ? html`<${NoKeys} report=${report} />`
            : html`<${Rows} rows=${hasAll ? rows : rows.filter(isUsed)} report=${report} />`}
          <${Paging} number=${cursors.length} keys=${keysOf(hasAll ? rows : rows.filter(isUsed))}
            isUsedOnly=${!hasAll} next=${next}
            onPrevious=${() => setCursors(cursors.slice(0, -1))} onNext=${() => setCursors([...cursors, next])} />`}
      <//>
    <//>`;
}

function keysOf(rows) {
  return new Set(rows.map((row) => row.key_id)).size;
}

function isUsed({ calls, units, refused }) {
  return calls > 0 || units > 0 || refused > 0;
}

function Rows({ rows, report }) {
  if (rows.length === 0) return html`<p class="hint">The keys of this page were not called.</p>`;
  const hasDays = report.by !== "total";
  const hasZones = new Set(rows.map((row) => row.time_zone)).size > 1;
  const columns = [KEY, ...(hasDays ? [report.by === "day" ? DAY : DAYS] : []), ...NUMBERS, ...OWNERS, ...(hasZones ? [ZONE] : [])];
  return html`
    ${hasZones
      ? html`<p class="hint time-zones">The plans of these keys count days in different time zones.</p>`
      : null}
    <${Table} caption="Usage of all keys" columns=${columns} rows=${rows}
      rowKey=${(row) => `${row.key_id} ${row.from} ${row.deleted_at ?? ""}`} />`;
}

function Paging({ number, keys, isUsedOnly, next, onPrevious, onNext }) {
  const text = `${counted(keys, "key")}${isUsedOnly ? " with calls" : ""}`;
  if (number === 1 && !next) return keys === 0 ? null : html`<p class="hint">${text}</p>`;
  return html`
    <nav class="paging" aria-label="Pages of the usage">
      <${Button} onClick=${onPrevious} disabled=${number === 1}>Previous<//>
      <span role="status">Page ${count(number)}, ${text}</span>
      <${Button} onClick=${onNext} disabled=${!next}>Next<//>
    </nav>`;
}

function noKeysText({ plan, group }) {
  if (plan && group) return `No key is on the plan ${plan} and in the group ${group}.`;
  return plan ? `No key is on the plan ${plan}.` : `No key is in the group ${group}.`;
}

function NoKeys({ report }) {
  if (isFiltered(report)) {
    const clear = () => openReport({ ...report, plan: "", group: "" });
    return html`
      <${Empty} title="No key matches" actions=${html`<${Button} onClick=${clear}>Show all keys<//>`}>
        ${noKeysText(report)}
      <//>`;
  }
  const actions = html`<a class="button primary" href=${href(["keys"], { create: "1" })}>Create a key</a>`;
  return html`<${Empty} title="There are no keys" actions=${actions}>Usage is counted for each key.<//>`;
}
