// The most important figures, each in a tile.

import { count, milliseconds, share } from "../../app/format.js";
import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { averageRate, currentRate, OUTCOMES, trendOf } from "./figures.js";
import { Sparkline } from "./sparkline.js";

const RATE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** Shows the rate of requests, the shares of refusals and errors, and the latency. */
export function Tiles({ overview, range }) {
  const { totals, points } = overview;
  return html`
    <ul class="tiles">
      <${Tile} title="Requests" value=${`${RATE.format(currentRate(overview))}/s`}
        values=${points.map(({ requests }) => requests)} color=${1}>
        ${count(totals.requests)} in ${range.title}, ${RATE.format(averageRate(overview))}/s on average
      <//>
      ${OUTCOMES.map((outcome) => html`
        <${OutcomeTile} key=${outcome.field} outcome=${outcome} overview=${overview} range=${range} />`)}
      <${Tile} title="Latency, 95 % below" value=${milliseconds(totals.p95_ms)}
        values=${points.map(({ p95_ms: p95 }) => p95)} color=${1}>
        50 % below ${milliseconds(totals.p50_ms)}, 99 % below ${milliseconds(totals.p99_ms)}
      <//>
    </ul>`;
}

function OutcomeTile({ outcome: { field, status, title, color, isRefusal }, overview, range }) {
  const { totals, points } = overview;
  if (totals[field] === null) {
    return html`<${Tile} title=${`${title} (${status})`} value="–" values=${[]} color=${color}>Not counted.<//>`;
  }
  const values = points.map((point) => (point.requests > 0 ? point[field] / point.requests : null));
  return html`
    <${Tile} title=${`${title} (${status})`} value=${share(totals[field], totals.requests)} values=${values}
      color=${color}>
      ${isRefusal && totals[field] > 0
        ? html`<a href=${href(["overview", "refusals"])}>${responses(totals[field])}</a>.`
        : html`${responses(totals[field])}.`}
      ${" "}<${Trend} trend=${trendOf(overview, field, range.recentS)} recent=${range.recent} />
    <//>`;
}

function responses(number) {
  return `${count(number)} ${number === 1 ? "response" : "responses"}`;
}

const DIRECTIONS = { up: "▲ up from", down: "▼ down from" };

function Trend({ trend, recent }) {
  if (trend.recent === undefined) return html`<span>No requests in the last ${recent}.</span>`;
  const now = share(trend.recent, 1);
  if (!trend.direction) return html`<span>Last ${recent}: ${now}</span>`;
  if (trend.direction === "same") return html`<span>Last ${recent}: ${now}, unchanged</span>`;
  return html`<span>Last ${recent}: ${now}, ${DIRECTIONS[trend.direction]} ${share(trend.before, 1)}</span>`;
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
