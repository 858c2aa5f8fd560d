// Tables of a few hundred rows at most. Long lists use a virtual list.

import { html } from "../app/html.js";

/**
 * Shows a table in a box of its own, which scrolls sideways on narrow screens.
 *
 * @param {{caption: string, columns: {title: string, cell: (row: object) => unknown, isNumber?: boolean}[],
 *   rows: object[], rowKey: (row: object, index: number) => string, isCaptionHidden?: boolean}} properties
 */
export function Table({ caption, columns, rows, rowKey, isCaptionHidden = true }) {
  return html`
    <div class="table-box" tabindex="0" role="region" aria-label=${caption}>
      <table>
        <caption class=${isCaptionHidden ? "visually-hidden" : ""}>${caption}</caption>
        <thead>
          <tr>${columns.map(({ title, isNumber }) => html`<th key=${title} scope="col" class=${isNumber ? "number" : ""}>${title}</th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row, index) => html`
            <tr key=${rowKey(row, index)}>
              ${columns.map(({ title, cell, isNumber }) => html`<td key=${title} class=${isNumber ? "number" : ""}>${cell(row)}</td>`)}
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}
