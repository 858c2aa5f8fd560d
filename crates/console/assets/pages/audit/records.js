// The search for audit records, page by page.

import { admin, withQuery } from "../../app/api.js";
import { html, useEffect, useRef, useState } from "../../app/html.js";
import { SLOW_MS, useAction, useResource } from "../../app/resource.js";
import { ProblemNotice } from "../../components/problem.js";
import { apiParameters, isWanted } from "./filter_parameters.js";

const PAGE_LIMIT = 100;
/** The number of records with which a search stops. */
const ENOUGH = 50;
/** The number of pages that one search reads at most. */
const MAX_PAGES = 15;

/**
 * Searches for records that match a filter, from `cursor` on.
 *
 * @returns {Promise<{records: object[], parameters: object, cursor?: string, searchedTo?: string}>} `cursor` is
 *   absent after the last record
 */
export async function search(filter, { parameters = apiParameters(filter), cursor, signal, enough = ENOUGH } = {}) {
  const records = [];
  let next = cursor;
  let searchedTo;
  for (let page = 0; page < MAX_PAGES && records.length < enough; page += 1) {
    const path = withQuery("/audit", { ...parameters, limit: PAGE_LIMIT, cursor: next });
    const { data } = await admin.get(path, { signal });
    records.push(...data.items.filter((record) => isWanted(record, filter)));
    searchedTo = data.items.at(-1)?.at ?? searchedTo;
    next = data.next_cursor ?? undefined;
    if (!next) break;
  }
  return { records, parameters, cursor: next, searchedTo };
}

/**
 * Loads the newest records, and older ones on request.
 *
 * @returns {{first: object, records: object[], hasMore: boolean, searchedTo?: string, more: object}} `first` is
 *   the resource of the newest records
 */
export function useAuditRecords(filter) {
  const key = JSON.stringify(filter);
  const first = useResource(key, (signal) => search(filter, { signal }));
  const [older, setOlder] = useState([]);
  useEffect(() => setOlder([]), [first.data]);

  const parts = first.data ? [first.data, ...older.filter((part) => part.after === first.data)] : [];
  const last = parts.at(-1);
  const more = useOlder(filter, last, (part) => setOlder((previous) => [...previous, { ...part, after: first.data }]));
  return {
    first,
    records: parts.flatMap(({ records }) => records),
    hasMore: last?.cursor !== undefined,
    searchedTo: parts.findLast(({ searchedTo }) => searchedTo)?.searchedTo,
    more,
  };
}

function useOlder(filter, last, add) {
  const controller = useRef(null);
  const [isSlow, setIsSlow] = useState(false);
  const action = useAction(async () => {
    controller.current = new AbortController();
    const { signal } = controller.current;
    const slow = setTimeout(() => setIsSlow(true), SLOW_MS);
    try {
      add(await search(filter, { parameters: last.parameters, cursor: last.cursor, signal }));
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(slow);
      setIsSlow(false);
    }
  });
  useEffect(() => () => controller.current?.abort(), [JSON.stringify(filter)]);

  const failure = action.error ? html`<${ProblemNotice} error=${action.error} onRetry=${action.run} />` : null;
  return { ...action, isSlow, failure, cancel: () => controller.current?.abort() };
}
