// What the list of keys is doing: loading, cut, failed, empty.

import { count, counted } from "../../app/format.js";
import { html } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { Empty, Loading, Missing } from "../../components/states.js";
import { MOST_KEYS } from "./all_keys.js";

/** Shows the number of keys, the progress, and what is missing. */
export function ListStatus({ list, shown, search, isServerSearch, month, last, plans, blocked, onChange }) {
  const missing = [
    plans.error && { what: "Plans", reason: plans.error.message },
    blocked.error && { what: "Blocks", reason: blocked.error.message },
    month.error && { what: "Calls this month", reason: month.error.message },
    last.error && { what: "Last use", reason: last.error.message },
  ].filter(Boolean);

  return html`
    <div class="list-status">
      <p role=${list.isLoading ? undefined : "status"}>
        ${counts(list, shown, search)}${isServerSearch ? " The server searched for these keys, by name." : ""}
      </p>
      ${list.isLoading ? html`<${Button} onClick=${list.cancel}>Cancel<//>` : html`<${Button}
        onClick=${list.reload}>Reload<//>`}
      <${OnDemand} usage=${month} label="calls of this month" isOffered=${search.sort !== "last_used"} list=${list} />
      <${OnDemand} usage=${last} label="last use" isOffered=${true} list=${list} />
    </div>
    ${list.error && list.keys.length > 0
      ? html`<${ProblemNotice} error=${list.error} title="Not all keys could be loaded" onRetry=${list.reload} />`
      : null}
    <${Missing} items=${missing} />
    ${list.isTruncated ? html`<${Truncated} isServerSearch=${isServerSearch} onChange=${onChange} />` : null}`;
}

function counts({ keys, isLoading, isSlow, isTruncated, isCancelled }, shown, { unused_since: day }) {
  if (isLoading) return `${counted(keys.length, "key")} loaded${isSlow ? ", this takes longer than usual" : ""} …`;
  const total = `${count(keys.length)}${isTruncated ? "+" : ""} ${keys.length === 1 ? "key" : "keys"}`;
  const cut = isCancelled ? " Loading was cancelled, so keys are missing." : "";
  const unused = day === "" ? "" : ` without a call since ${day}. Keys that were created since then are not listed`;
  return `${shown === keys.length ? `${total}${unused}.` : `${count(shown)} of ${total}${unused}.`}${cut}`;
}

/** Offers to load figures, and shows how far that is. */
function OnDemand({ usage, label, isOffered, list }) {
  if (usage.isLoading) {
    return html`
      <span class="hint" role="status">Loading the ${label}: ${count(usage.count)} rows …</span>
      <${Button} onClick=${usage.cancel}>Stop<//>`;
  }
  if (usage.data || !isOffered || list.keys.length === 0) return null;
  return html`<${Button} onClick=${usage.start}>Load the ${label}<//>`;
}

function Truncated({ isServerSearch, onChange }) {
  const title = `Only the first ${count(MOST_KEYS)} keys are loaded`;
  const action = isServerSearch
    ? null
    : html`<${Button} onClick=${() => onChange({ all: "1" })}>Search all keys on the server<//>`;
  return html`
    <${Notice} kind="warning" title=${title} actions=${action}>
      ${isServerSearch
        ? "Narrow the search: enter a part of the name, or choose a plan, a group or a state."
        : "The search only finds loaded keys. The server can search all keys by name, plan, group and state."}
    <//>`;
}

/** Shows why there is no key to show. */
export function KeyStates({ list, isFiltered, create, onChange }) {
  if (list.error) return html`<${ProblemNotice} error=${list.error} onRetry=${list.reload} />`;
  if (list.isLoading && list.keys.length === 0) {
    return html`<${Loading} label="Loading keys" isSlow=${list.isSlow} onCancel=${list.cancel} />`;
  }
  if (isFiltered) {
    const clear = () => onChange({ q: "", plan: "", group: "", state: "", unused_since: "", all: "" });
    return html`
      <${Empty} title="No key matches" actions=${html`<${Button} onClick=${clear}>Clear filters<//>`}>
        ${list.isLoading ? "More keys are being loaded." : "Change the search or the filters."}
      <//>`;
  }
  return html`
    <${Empty} title="There are no keys yet" actions=${create}>
      A key identifies a caller of your API and selects the plan with its limits.
    <//>`;
}
