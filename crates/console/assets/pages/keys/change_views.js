// What a change of many keys would do, and what it did.

import { count, counted } from "../../app/format.js";
import { html } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { Table } from "../../components/table.js";

/** Shows a preview of the admin API, or of the page. */
export function ChangePreview({ preview, isDeletion, keys }) {
  const { matched, changing, changes } = preview;
  if (isDeletion) return html`<${Deletion} keys=${keys} />`;
  if (changing === 0)
    return html`<p
      role="status">${counted(matched, "key")} already ${have(matched)} this value. There is nothing to change.</p>`;

  const columns = [
    { title: "Key", cell: ({ key_id }) => html`<code>${key_id}</code>` },
    { title: "Change", cell: ({ changes: fields }) => Object.entries(fields).map(fieldText).join(", ") },
  ];
  return html`
    <p role="status">
      ${count(changing)} of ${count(matched)} keys would change.
      ${matched > changing ? ` ${count(matched - changing)} already ${have(matched - changing)} this value.` : ""}
    </p>
    <${Table} caption="The first changes" columns=${columns} rows=${changes} rowKey=${({ key_id }) => key_id} />
    ${changing > changes.length ? html`<p class="hint">and ${count(changing - changes.length)} more</p>` : null}`;
}

function have(number) {
  return number === 1 ? "has" : "have";
}

function fieldText([pointer, change]) {
  const name = pointer.replace(/^\//, "");
  if (typeof change !== "object" || change === null) return `${name}: ${change}`;
  return `${name}: ${JSON.stringify(change.old ?? null)} → ${JSON.stringify(change.new ?? null)}`;
}

/** The ids that a deletion names. */
const NAMED = 10;

function Deletion({ keys }) {
  return html`
    <${Notice} kind="warning" title="Deleted keys cannot be restored">
      Calls with their secrets are refused at once. Their ids cannot be used again for 400 days.
    <//>
    <ul>${keys.slice(0, NAMED).map(({ key_id, name }) => html`<li
      key=${key_id}>${name ? html`<bdi>${name}</bdi> ` : null}<code>${key_id}</code></li>`)}</ul>
    ${keys.length > NAMED ? html`<p class="hint">and ${count(keys.length - NAMED)} more</p>` : null}`;
}

/** Shows how many keys were changed, and why others were not. */
export function ChangeResult({ result, done, onContinue, onClose }) {
  const { changed, unchanged, failed, remaining } = result;
  const kind = failed.length > 0 || remaining > 0 ? "warning" : "success";
  const columns = [
    { title: "Key", cell: ({ key_id }) => html`<code>${key_id}</code>` },
    { title: "Reason", cell: ({ reason }) => reason },
  ];
  return html`
    <${Notice} kind=${kind} title=${`${counted(changed, "key")} ${done}`}>
      ${unchanged > 0 ? html`<p>${counted(unchanged, "key")} already had this value.</p>` : null}
      ${remaining > 0 ? html`<p>${count(remaining)} were not reached. Continue to change the rest.</p>` : null}
    <//>
    ${failed.length > 0
      ? html`<${Table} caption=${`${counted(failed.length, "key")} could not be ${done}`} isCaptionHidden=${false}
          columns=${columns} rows=${failed} rowKey=${({ key_id }) => key_id} />`
      : null}
    <div class="actions end">
      ${remaining > 0 ? html`<${Button} onClick=${onContinue}>Continue<//>` : null}
      <${Button} kind="primary" onClick=${onClose}>Done<//>
    </div>`;
}
