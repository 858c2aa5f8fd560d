// The cells of rows with the usage of a key.

import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Time } from "../../components/time.js";

/** Shows a key by its name and id. Deleted keys are marked. */
function KeyCell({ row: { key_id: id, name, deleted_at: deletedAt } }) {
  return html`
    <div class="usage-key">
      <a href=${href(["keys", id])}><bdi>${name || id}</bdi></a>
      ${name ? html` <code class="hint">${id}</code>` : null}
      ${deletedAt ? html` <${Deleted} at=${deletedAt} />` : null}
    </div>`;
}

function Deleted({ at }) {
  return html`<span class="badge">deleted</span> <span class="hint"><${Time} value=${at} /></span>`;
}

function planCell({ plan }) {
  return plan ? html`<a class="word" href=${href(["plans", plan])}>${plan}</a>` : "–";
}

function daysCell({ from, to }) {
  return html`<span class="days">${from === to ? from : `${from} to ${to}`}</span>`;
}

/** The column with the days of a row. */
export const DAYS = { title: "Days", cell: daysCell };
/** The column with the day of a row. */
export const DAY = { title: "Day", cell: daysCell };
/** The column with the time zone of the days. */
export const ZONE = { title: "Time zone", cell: ({ time_zone: zone }) => html`<span class="word">${zone}</span>` };

/** The columns with numbers. */
export const NUMBERS = [
  { title: "Calls", isNumber: true, cell: ({ calls }) => count(calls) },
  { title: "Units", isNumber: true, cell: ({ units }) => count(units) },
  { title: "Refused", isNumber: true, cell: ({ refused }) => count(refused) },
];

/** The column that names a key. */
export const KEY = { title: "Key", cell: (row) => html`<${KeyCell} row=${row} />` };
/** The columns with what a key belongs to. */
export const OWNERS = [
  { title: "Present plan", cell: planCell },
  { title: "Group", cell: ({ group }) => html`<span class="word">${group ?? "–"}</span>` },
];
