// The changed fields of a record: the old value and the new one.

import { html } from "../../app/html.js";

const MAX_SHOWN = 6;

/** Returns a JSON pointer as a path, such as `quotas[0].limit`. */
export function pathOf(pointer) {
  const parts = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((path, part) => {
    if (/^\d+$/.test(part)) return `${path}[${part}]`;
    if (!/^[\w-]+$/.test(part)) return `${path}["${part}"]`;
    return path === "" ? part : `${path}.${part}`;
  }, "");
}

/** Returns a value of a changed field as text. */
export function valueText(value) {
  if (typeof value === "string") return value === "" ? "(empty)" : value;
  return JSON.stringify(value);
}

/** Returns a change as text, such as `10 → 20`. */
export function changeText(change) {
  if (change === "changed") return "changed, the value is not recorded";
  const { old, new: current } = change;
  if (old === undefined) return `set to ${valueText(current)}`;
  if (current === undefined) return `removed, was ${valueText(old)}`;
  return `${valueText(old)} → ${valueText(current)}`;
}

/** Shows the changed fields of a record or of one of its keys. */
export function Changes({ changes = {}, unlisted = 0 }) {
  const entries = Object.entries(changes);
  const rest = entries.slice(MAX_SHOWN);
  return html`
    ${entries.length > 0 ? html`<${Fields} entries=${entries.slice(0, MAX_SHOWN)} />` : null}
    ${rest.length > 0 ? html`
      <details>
        <summary>${rest.length} more ${rest.length === 1 ? "field" : "fields"}</summary>
        <${Fields} entries=${rest} />
      </details>` : null}
    ${unlisted > 0 ? html`
      <p class="hint">
        ${unlisted} more changed ${unlisted === 1 ? "field does" : "fields do"} not fit into the record.
      </p>` : null}`;
}

function Fields({ entries }) {
  return html`
    <dl class="audit-fields">
      ${entries.map(([pointer, change]) => html`
        <div key=${pointer}>
          <dt title=${pointer}>${pathOf(pointer)}</dt>
          <dd><${Change} change=${change} /></dd>
        </div>`)}
    </dl>`;
}

function Change({ change }) {
  const isBoth = change !== "changed" && change.old !== undefined && change.new !== undefined;
  if (!isBoth) return html`<span class=${change === "changed" ? "hint" : ""}>${changeText(change)}</span>`;
  return html`
    <del><span class="visually-hidden">from </span>${valueText(change.old)}</del>
    <span aria-hidden="true"> → </span>
    <ins><span class="visually-hidden"> to </span>${valueText(change.new)}</ins>`;
}
