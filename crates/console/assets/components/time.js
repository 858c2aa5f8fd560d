// Instants: in the viewer's zone, with UTC.

import { ago, isUtcZone, localTime, utcTime } from "../app/format.js";
import { html } from "../app/html.js";

/**
 * Shows an instant in the viewer's time zone with UTC after it. With `isRelative`, also how long ago, and with
 * `isBrief` only in the title. In a zone with the time of UTC, it is shown once.
 */
export function Time({ value, isRelative = false, isBrief = false }) {
  if (!value) return html`<span>–</span>`;
  const utc = utcTime(value);
  const title = isBrief ? ago(value) : utc;
  const relative = isRelative ? `${ago(value)}, ` : "";
  if (isUtcZone(value)) {
    return html`<time datetime=${value} title=${isBrief ? title : localTime(value)}>${relative}${utc}</time>`;
  }
  return html`
    <time datetime=${value} title=${title}>
      ${relative}${localTime(value)} <span class="utc">(${utc})</span>
    </time>`;
}
