// The sums over all keys of a report. They need all pages, so that they show their progress.

import { pages } from "../../app/api.js";
import { count } from "../../app/format.js";
import { html, useEffect } from "../../app/html.js";
import { useOnDemand } from "../../app/on_demand.js";
import { Button } from "../../components/button.js";
import { ProblemNotice } from "../../components/problem.js";
import { parametersOf } from "./report.js";
import { addRows, NOTHING } from "./sums.js";

/** The most keys that are added up. */
export const MOST_KEYS = 20_000;

async function sumsOf(report, signal, onProgress) {
  let sums = NOTHING;
  for await (const rows of pages("/usage", { ...parametersOf(report), by: undefined }, { signal })) {
    sums = addRows(sums, rows);
    onProgress(sums.keys);
    if (sums.keys >= MOST_KEYS) return { ...sums, isCut: true };
  }
  return { ...sums, isCut: false };
}

/** Returns the sums of a report, loaded at once unless that has a price. */
export function useTotals(report, isOnRequest) {
  const totals = useOnDemand((signal, onProgress) => sumsOf(report, signal, onProgress));
  useEffect(() => {
    if (!isOnRequest) totals.start();
  }, []);
  return totals;
}

const FIGURES = [
  { title: "Calls", field: "calls" },
  { title: "Units", field: "units" },
  { title: "Refused", field: "refused" },
];

/** Shows the sums, or the way to them. */
export function Totals({ title, totals, isOnRequest }) {
  const { data, error, isLoading, start } = totals;
  return html`
    <div class="usage-head">
      <h2>${title}</h2>
      <div class="usage-progress" role="status">${progress(totals, isOnRequest)}</div>
    </div>
    <ul class="tiles usage-totals" aria-busy=${isLoading}>
      ${FIGURES.map(({ title, field }) => html`
        <${Figure} key=${field} title=${title} value=${count(data?.[field])} />`)}
      <${Figure} title="Keys with calls" value=${data ? `${count(data.active)} of ${count(data.keys)}` : "–"} />
    </ul>
    ${error ? html`<${ProblemNotice} error=${error} title="The sums are not known" onRetry=${start} />` : null}`;
}

function progress({ data, error, isLoading, count: keys, start, cancel }, isOnRequest) {
  if (isLoading) return html`<span>${count(keys)} keys added up …</span> <${Button} onClick=${cancel}>Cancel<//>`;
  if (data?.isCut) return html`<span>The first ${count(MOST_KEYS)} keys only. Choose a plan or a group.</span>`;
  if (data || error) return null;
  return html`
    <${Button} onClick=${start}>Add up all keys<//>
    ${isOnRequest ? html`<span class="hint">This reads the usage of every key from the table.</span>` : null}`;
}

function Figure({ title, value }) {
  return html`
    <li class="tile">
      <h3 class="tile-title">${title}</h3>
      <p class="tile-value">${value}</p>
    </li>`;
}
