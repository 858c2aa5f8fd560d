// Instants: in the viewer's zone, with UTC.

import { ago, localTime, utcTime } from "../app/format.js";
import { html } from "../app/html.js";

/** Shows an instant in the viewer's time zone with UTC after it. With `isRelative`, also how long ago. */
export function Time({ value, isRelative = false }) {
  if (!value) return html`<span>–</span>`;
  return html`
    <time datetime=${value} title=${utcTime(value)}>
      ${isRelative ? html`${ago(value)}, ` : null}${localTime(value)} <span class="utc">(${utcTime(value)})</span>
    </time>`;
}
