// Two versions of a text side by side.

import { count } from "../app/format.js";
import { html, useMemo } from "../app/html.js";
import { formatJson, parseJson } from "../app/json_text.js";
import { differences, withGaps } from "./conflict/difference.js";

/** The number of rows that are shown. */
const MAX_ROWS = 400;

const LABEL = { changed: "changed", left: "only left", right: "only right", same: "" };

function Row({ row }) {
  if (row.kind === "gap") {
    const text = `${count(row.count)} equal line${row.count === 1 ? "" : "s"}`;
    return html`<tr class="comparison-gap"><td colspan="5">${text}</td></tr>`;
  }
  const { kind, left, right } = row;
  return html`
    <tr class=${kind}>
      <td class="number">${left?.number ?? ""}</td><td class="comparison-left"><pre>${left?.text ?? ""}</pre></td>
      <td class="comparison-kind">${LABEL[kind]}</td>
      <td class="number">${right?.number ?? ""}</td><td class="comparison-right"><pre>${right?.text ?? ""}</pre></td>
    </tr>`;
}

/** Returns a JSON text in one format, so that only its content is compared. */
function formatted(text) {
  const value = parseJson(text);
  return value === undefined ? text : formatJson(value);
}

/** Shows two JSON texts side by side, in the same format. Lines that differ are marked, by a word and by colour. */
export function Comparison({ caption, left, right, leftTitle, rightTitle }) {
  const texts = useMemo(() => [left, right].map(formatted), [left, right]);
  const rows = useMemo(() => withGaps(differences(...texts)), [texts]);
  const isSame = texts[0] === texts[1];
  return html`
    ${isSame ? html`<p>Both versions have the same content.</p>` : null}
    <div class="table-box comparison" tabindex="0" role="region" aria-label=${caption}>
      <table>
        <caption class="visually-hidden">${caption}</caption>
        <thead><tr>
          <th scope="col" class="number"><span class="visually-hidden">Line of ${leftTitle}</span></th>
          <th scope="col">${leftTitle}</th>
          <th scope="col"><span class="visually-hidden">Difference</span></th>
          <th scope="col" class="number"><span class="visually-hidden">Line of ${rightTitle}</span></th>
          <th scope="col">${rightTitle}</th>
        </tr></thead>
        <tbody>${rows.slice(0, MAX_ROWS).map((row, index) => html`<${Row} key=${index} row=${row} />`)}</tbody>
      </table>
    </div>
    ${rows.length > MAX_ROWS ? html`<p class="hint">The first ${count(MAX_ROWS)} lines are shown.</p>` : null}`;
}
