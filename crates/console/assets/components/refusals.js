// Recent refusals: who was refused, and why.

import { count } from "../app/format.js";
import { html, useState } from "../app/html.js";
import { Button } from "./button.js";
import { RefusalRow } from "./refusals/row.js";

/** Returns what identifies a refusal. */
function idOf({ at, request_id: requestId, reason }) {
  return `${at} ${requestId} ${reason}`;
}

/**
 * Shows refusals, the newest first. A row opens its details, with the reason in words and the next step. Roles keep
 * the table one for screen readers where its rows are cards.
 * While details are open, the list does not move: newer refusals are counted, and shown on request.
 *
 * @param {{caption: string, items: object[], hasCaller?: boolean}} properties `items` are those of the operation
 *   `refusals`; `hasCaller` is false if all of them are of one key
 */
export function Refusals({ caption, items, hasCaller = true }) {
  const [open, setOpen] = useState(undefined);
  const shown = open?.items ?? items;
  const toggle = (id) => setOpen(open?.id === id ? undefined : { id, items: shown });

  const titles = ["Time", "Status", "Reason", ...(hasCaller ? ["Caller"] : []), "Plan", "Request"];
  return html`
    <${Newer} number=${open ? newerThan(items, open.items) : 0} onShow=${() => setOpen(undefined)} />
    <div class="table-box" tabindex="0" role="region" aria-label=${caption}>
      <table class="refusals" role="table">
        <caption class="visually-hidden">${caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            ${titles.map((title) => html`
              <th key=${title} role="columnheader" scope="col" class=${`of-${title.toLowerCase()}`}>${title}</th>`)}
          </tr>
        </thead>
        ${shown.map((refusal) => {
          const id = idOf(refusal);
          return html`
            <${RefusalRow} key=${id} refusal=${refusal} hasCaller=${hasCaller} isOpen=${open?.id === id}
              columns=${titles.length} onToggle=${() => toggle(id)} />`;
        })}
      </table>
    </div>`;
}

/** Returns the number of items before the first one that is already shown. */
function newerThan(items, shown) {
  const newest = shown[0] && idOf(shown[0]);
  const place = items.findIndex((item) => idOf(item) === newest);
  return place === -1 ? items.length : place;
}

function Newer({ number, onShow }) {
  return html`
    <div class="refusals-newer" role="status">
      ${number > 0
        ? html`${count(number)} newer ${number === 1 ? "refusal" : "refusals"} <${Button} onClick=${onShow}>Show<//>`
        : null}
    </div>`;
}
