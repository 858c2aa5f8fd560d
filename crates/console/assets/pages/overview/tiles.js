// The most important figures, each in a tile.

import { count, milliseconds, share } from "../../app/format.js";
import { html } from "../../app/html.js";
import { LOCALE } from "../../app/locale.js";
import { href } from "../../app/router.js";
import { averageRate, currentRate, currentSpan, OUTCOMES, trendOf } from "./figures.js";
import { Sparkline } from "./sparkline.js";

const RATE = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });

/** Shows the rate of requests, the shares of refusals and errors, and the latency. */
export function Tiles({ overview, range }) {
  const { totals, points } = overview;
  return html`
    <ul class="tiles">
      <${Requests} overview=${overview} range=${range} />
      ${OUTCOMES.map((outcome) => html`
        <${OutcomeTile} key=${outcome.field} outcome=${outcome} overview=${overview} range=${range} />`)}
      <${Tile} title="Latency, 95 % below" value=${milliseconds(totals.p95_ms)}
        values=${points.map(({ p95_ms: p95 }) => p95)} color=${1}>
        50 % below ${milliseconds(totals.p50_ms)}, 99 % below ${milliseconds(totals.p99_ms)}
      <//>
    </ul>`;
}

function Requests({ overview, range }) {
  const { totals, points } = overview;
  if (totals.requests === null) return html`<${NotKnown} title="Requests" />`;
  return html`
    <${Tile} title="Requests" value=${`${RATE.format(currentRate(overview))}/s`}
      values=${points.map(({ requests }) => requests)} color=${1}>
      In the last ${currentSpan(overview)}. ${count(totals.requests)} in ${range.title},
      ${" "}${RATE.format(averageRate(overview))}/s on average.
    <//>`;
}

function OutcomeTile({ outcome: { field, status, title, color, isRefusal }, overview, range }) {
  const { totals, points } = overview;
  if (totals[field] === null) {
    return html`<${NotKnown} title=${`${title} (${status})`} />`;
  }
  const values = points.map((point) => (point.requests > 0 ? point[field] / point.requests : null));
  return html`
    <${Tile} title=${`${title} (${status})`} value=${shareOfAll(totals[field], totals.requests)} values=${values}
      color=${color}>
      ${isRefusal && totals[field] > 0
        ? html`<a href=${href(["overview", "refusals"])}>${responses(totals[field])}</a>.`
        : html`${responses(totals[field])}.`}
      ${totals.requests > 0
        ? html` <${Trend} trend=${trendOf(overview, field, range.recentS)} recent=${range.recent} />`
        : null}
    <//>`;
}

/** Logs are read up to now, but metrics arrive later, so that a part can be larger than the total. */
function shareOfAll(part, total) {
  return share(part, total > 0 ? Math.max(part, total) : total);
}

function responses(number) {
  return `${count(number)} ${number === 1 ? "response" : "responses"}`;
}

const DIRECTIONS = { up: "▲ up from", down: "▼ down from" };

function Trend({ trend, recent }) {
  if (trend.recent === undefined) return html`<span>No requests in the last ${recent}.</span>`;
  const now = share(Math.min(1, trend.recent), 1);
  if (!trend.direction) return html`<span>Last ${recent}: ${now}</span>`;
  if (trend.direction === "same") return html`<span>Last ${recent}: ${now}, unchanged</span>`;
  const before = share(Math.min(1, trend.before), 1);
  return html`<span>Last ${recent}: ${now}, ${DIRECTIONS[trend.direction]} ${before} before</span>`;
}

function NotKnown({ title }) {
  return html`<${Tile} title=${title} value="–" values=${[]} color=${1}>Not known.<//>`;
}

function Tile({ title, value, values, color, children }) {
  return html`
    <li class="tile">
      <h2 class="tile-title">${title}</h2>
      <p class="tile-value">${value}</p>
      <${Sparkline} values=${values} color=${color} />
      <p class="tile-text">${children}</p>
    </li>`;
}
