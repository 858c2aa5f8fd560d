// The page Audit: who changed what, the newest change first.

import { count, localTime } from "../app/format.js";
import { html } from "../app/html.js";
import { href, navigate } from "../app/router.js";
import { Button } from "../components/button.js";
import { Page } from "../components/page.js";
import { Empty, Loading, Resource } from "../components/states.js";
import { Downloads } from "./audit/downloads.js";
import { Filter } from "./audit/filter.js";
import { filterOf, hasFilter } from "./audit/filter_parameters.js";
import { idsNamed, useKeyNames } from "./audit/key_names.js";
import { RecordList } from "./audit/record_list.js";
import { useAuditRecords } from "./audit/records.js";

const INTRO = "Every change of a plan, key, policy, composition or block, and every grant. Records are kept for 400 days.";
const LOCAL = "The local gateway needs no identity for changes, so they are all by “local”.";

/** Shows the records that the filter in the address selects. */
export function Audit({ target, route }) {
  const filter = filterOf(route.parameters);
  const list = useAuditRecords(filter);
  const actions = html`
    <${Downloads} filter=${filter} />
    <${Button} onClick=${list.first.reload} isBusy=${list.first.isLoading}>Reload<//>`;
  return html`
    <${Page} title="Audit" intro=${target.kind === "local" ? `${INTRO} ${LOCAL}` : INTRO} actions=${actions}>
      <${Filter} key=${route.parameters.toString()} filter=${filter} isLocal=${target.kind === "local"} />
      <${Resource} resource=${list.first} label="Loading records">
        ${() => html`<${Records} list=${list} filter=${filter} />`}
      <//>
    <//>`;
}

function Records({ list, filter }) {
  const { records, searchedTo, hasMore, more } = list;
  const names = useKeyNames(records);
  return html`
    ${records.length === 0 && !hasMore ? html`<${NoRecords} filter=${filter} names=${names} />` : null}
    ${records.length > 0 ? html`<${RecordList} records=${records} filter=${filter} names=${names} />` : null}
    <p class="audit-end" role="status">
      ${summary(records.length, hasMore, searchedTo)}
    </p>
    ${more.isRunning ? html`
      <${Loading} label="Loading older records" isSlow=${more.isSlow} onCancel=${more.cancel} />` : null}
    ${more.failure}
    ${hasMore && !more.isRunning ? html`<${Button} onClick=${more.run}>Load older records<//>` : null}`;
}

function summary(total, hasMore, searchedTo) {
  const found = `${count(total)} ${total === 1 ? "record" : "records"}`;
  if (!hasMore) return total === 0 ? "" : `${found}, no older ones in this period.`;

  const reached = searchedTo ? ` back to ${localTime(searchedTo)}` : "";
  return `${total === 0 ? "No matching record" : found}${reached}. There are older records.`;
}

function NoRecords({ filter, names }) {
  const named = filter.target === "" ? [] : idsNamed(names, filter.target);
  if (named.length > 0) return html`<${NamedKeys} filter=${filter} ids=${named} names=${names} />`;
  if (hasFilter(filter)) {
    const actions = html`<${Button} onClick=${() => navigate(["audit"])}>Clear the filter<//>`;
    return html`<${Empty} title="No change matches the filter" actions=${actions}>
      ${filter.target === "" ? "" : "Enter the whole id of a key, or the whole name of a plan, policy or composition. "}
      Choose a longer period, or clear the filter.
    <//>`;
  }
  const actions = html`<a class="button primary" href=${href(["plans"])}>Create a plan</a>`;
  return html`<${Empty} title="Nothing has changed in the last 31 days" actions=${actions}>
    Changes of plans, keys, policies, compositions and blocks appear here. They are made by this console, the command line
    or the API.
  <//>`;
}

/** Offers the keys with a name, because records have only their ids. */
function NamedKeys({ filter, ids, names }) {
  const links = ids.map((id) => html`
    <a key=${id} class="button" href=${href(["audit"], { ...filter, target: id })}>
      Changes of ${names.get(id)} (${id})
    </a>`);
  return html`<${Empty} title=${`No object has the name or id ${filter.target}`} actions=${links}>
    Records name keys by their id. These keys have a similar name:
  <//>`;
}
