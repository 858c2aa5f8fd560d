// The rows of a virtual list, and moving between them by keyboard.

import { html, useRef, useState } from "../../app/html.js";

/** Shows the rows of a range. A row with the focus stays in the document while it is scrolled away. */
export function Rows({ columns, rows, rowKey, range, height, box }) {
  const [focusedKey, setFocusedKey] = useState();
  const body = useRef(null);
  const indexes = shownIndexes(range, rows, rowKey, focusedKey);

  const blur = (event) => {
    if (!body.current?.contains(event.relatedTarget)) setFocusedKey(undefined);
  };
  return html`
    <div role="rowgroup" class="virtual-body" ref=${body} style=${{ height: `${rows.length * height}px` }}
      onKeyDown=${(event) => move(event, { box: box.current, body: body.current, height, count: rows.length })}
      onFocusOut=${blur}>
      ${indexes.map((index) => html`
        <div role="row" key=${rowKey(rows[index])} class="row" aria-rowindex=${index + 2} data-index=${index}
          onFocusIn=${() => setFocusedKey(rowKey(rows[index]))}
          style=${{ height: `${height}px`, transform: `translateY(${index * height}px)` }}>
          ${columns.map(({ id, cell, isNumber }) => html`
            <span role="cell" key=${id} class=${`cell ${id} ${isNumber ? "number" : ""}`}>${cell(rows[index])}</span>`)}
        </div>`)}
    </div>`;
}

/** Returns the indexes to render, in order. */
function shownIndexes({ from, to }, rows, rowKey, focusedKey) {
  const end = Math.min(to, rows.length);
  const indexes = Array.from({ length: Math.max(0, end - from) }, (_, offset) => from + offset);
  if (focusedKey === undefined || indexes.some((index) => rowKey(rows[index]) === focusedKey)) return indexes;
  const focused = rows.findIndex((row) => rowKey(row) === focusedKey);
  if (focused < 0) return indexes;
  return focused < from ? [focused, ...indexes] : [...indexes, focused];
}

/** Moves the focus with the arrow keys to the same control of the next or the previous row. */
function move(event, { box, body, height, count }) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest?.("[data-index]");
  if (!step || !row || event.altKey || event.ctrlKey || event.metaKey) return;
  const index = Number(row.dataset.index) + step;
  if (index < 0 || index >= count) return;

  event.preventDefault();
  const controls = focusable(row);
  const place = controls.indexOf(event.target);
  scrollTo(box, index, height);
  focusWhenRendered(body, index, place);
}

function focusable(row) {
  return [...row.querySelectorAll("a[href], button, input")];
}

/** Scrolls as little as needed to show a row below the head of the list. */
function scrollTo(box, index, height) {
  const head = box.querySelector(".virtual-head")?.offsetHeight ?? 0;
  const top = index * height;
  const visible = box.clientHeight - head;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + height > box.scrollTop + visible) box.scrollTop = top + height - visible;
}

/** The frames in which a row is rendered after a scroll. */
const FRAMES = 4;

function focusWhenRendered(body, index, place, frames = FRAMES) {
  const row = body.querySelector(`[data-index="${index}"]`);
  if (row) {
    const controls = focusable(row);
    (controls[place] ?? controls[0])?.focus({ preventScroll: true });
  } else if (frames > 0) {
    requestAnimationFrame(() => focusWhenRendered(body, index, place, frames - 1));
  }
}
