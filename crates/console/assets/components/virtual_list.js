// A table of many rows. Only the visible rows, and the one with the focus, are in the document.

import { html, useEffect, useRef } from "../app/html.js";
import { Rows } from "./virtual_list/rows.js";
import { useNarrow, useWindow } from "./virtual_list/window.js";

const ROW_HEIGHT = 44;
const CARD_HEIGHT = 92;

/**
 * Shows rows in a box of its own that scrolls. All rows have one height. On narrow screens each row is
 * a card. The style sheet of the page gives `.NAME .row` its columns, where NAME is `class`.
 *
 * @template T
 * @param {{caption: string, class: string, rows: T[], rowKey: (row: T) => string,
 *   columns: {id: string, title: string, header?: unknown, cell: (row: T) => unknown, isNumber?: boolean,
 *     sort?: "ascending" | "descending" | "none", onSort?: () => void}[],
 *   rowHeight?: number, cardHeight?: number, resetKey?: string}} properties `sort` makes the title a button,
 *   a change of `resetKey` scrolls to the first row
 */
export function VirtualList({
  caption,
  columns,
  rows,
  rowKey,
  rowHeight = ROW_HEIGHT,
  cardHeight = CARD_HEIGHT,
  resetKey,
  class: name = "",
}) {
  const box = useRef(null);
  const height = useNarrow() ? cardHeight : rowHeight;
  const range = useWindow(box, rows.length, height);

  useEffect(() => {
    if (box.current) box.current.scrollTop = 0;
  }, [resetKey]);

  return html`
    <div class=${`virtual-list ${name}`} ref=${box} tabindex="0" role="region" aria-label=${caption}>
      <div role="table" aria-label=${caption} aria-rowcount=${rows.length + 1} aria-colcount=${columns.length}>
        <div role="rowgroup" class="virtual-head">
          <div role="row" class="row" aria-rowindex="1">
            ${columns.map((column) => html`<${HeaderCell} key=${column.id} column=${column} />`)}
          </div>
        </div>
        <${Rows} columns=${columns} rows=${rows} rowKey=${rowKey} range=${range} height=${height} box=${box} />
      </div>
    </div>`;
}

function HeaderCell({ column }) {
  const { id, title, header, isNumber, sort, onSort } = column;
  const shown = header ?? (onSort ? html`<${SortButton} title=${title} sort=${sort} onSort=${onSort} />` : title);
  return html`
    <span role="columnheader" class=${`cell ${id} ${isNumber ? "number" : ""}`} aria-sort=${onSort ? sort : undefined}>
      ${shown}
    </span>`;
}

const ARROW = { ascending: "▲", descending: "▼", none: "" };

function SortButton({ title, sort, onSort }) {
  return html`
    <button type="button" class="sort" onClick=${onSort}>
      ${title} <span aria-hidden="true" class="sort-arrow">${ARROW[sort]}</span>
    </button>`;
}
