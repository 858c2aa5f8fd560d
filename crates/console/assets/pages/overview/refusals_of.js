// Refusals from the memory of the local gateway, or on request from CloudWatch Logs.

import { consoleApi, withQuery } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Refusals } from "../../components/refusals.js";
import { Empty, Missing, Resource } from "../../components/states.js";
import { Time } from "../../components/time.js";

const POLL_MS = 1_000;
/** Reading logs can take long. */
const LOGS_TIMEOUT_MS = 60_000;

/**
 * Shows the refusals of a filter.
 *
 * @param {{target: object, filter: {key_id?: string, plan?: string, reason?: string, limit?: number},
 *   caption: string, isPaused?: boolean, hasCaller?: boolean, isFiltered?: boolean}} properties
 */
export function RefusalsOf(properties) {
  const isOnRequest = properties.target.refusals === "cloudwatch_logs";
  const [isWanted, setIsWanted] = useState(!isOnRequest);
  if (!isWanted) {
    const actions = html`<${Button} onClick=${() => setIsWanted(true)}>Read the log<//>`;
    return html`
      <${Empty} title="Refusals are read on request" actions=${actions}>
        The console searches the last hour of the authorizer's log in CloudWatch Logs, the newest entries first.
      <//>`;
  }
  return html`<${Loaded} isOnRequest=${isOnRequest} ...${properties} />`;
}

function Loaded({ filter, caption, isOnRequest, isPaused, hasCaller, isFiltered }) {
  const query = withQuery("/refusals", filter);
  const load = async (signal) => (await consoleApi.get(query, { signal, timeoutMs: LOGS_TIMEOUT_MS })).data;
  const refusals = useResource(query, load, { pollMs: isOnRequest || isPaused ? undefined : POLL_MS });

  return html`
    <${Resource} resource=${refusals} label=${isOnRequest ? "Searching the log" : "Loading the refusals"}>
      ${(page) => html`
        <${Missing} items=${page.missing} />
        ${isOnRequest ? html`<${SearchedLog} page=${page} refusals=${refusals} />` : null}
        ${page.items.length === 0
          ? html`<${NoRefusals} page=${page} isFiltered=${isFiltered} />`
          : html`<${Refusals} key=${query} caption=${caption} items=${page.items} hasCaller=${hasCaller} />`}
        ${page.is_truncated && filter.limit > 10
          ? html`<p class="hint">There are more refusals than are shown here. Filter by key, plan or reason.</p>`
          : null}`}
    <//>`;
}

/** Says what of the log was searched, with a button to search again. */
function SearchedLog({ page, refusals }) {
  return html`
    <p class="searched">
      <span class="hint">
        Searched from <${Time} value=${page.searched_from} />.
        ${page.newest_event_at
          ? html` Newest event: <${Time} value=${page.newest_event_at} isRelative />.`
          : " The log has no events in this time."}
      </span>
      <${Button} onClick=${refusals.reload} isBusy=${refusals.isLoading}>Search again<//>
      ${refusals.isLoading && refusals.isSlow ? html`<${Button} onClick=${refusals.cancel}>Cancel<//>` : null}
    </p>`;
}

function NoRefusals({ page, isFiltered }) {
  const since = html`since <${Time} value=${page.searched_from} />`;
  return isFiltered
    ? html`<${Empty} title="No refusal matches the filter">There was none ${since}. Clear a field of the filter.<//>`
    : html`<${Empty} title="No request was refused">There was no refusal ${since}.<//>`;
}
