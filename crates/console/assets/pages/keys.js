// All keys: search, filter, order, changes of many, and new keys.

import { isFiltered, listParameters, searchOf, selectKeys, serverFilter, sortKeys } from "./keys/filter.js";
import { useBlockedKeys } from "../app/blocks.js";
import { html, useEffect, useMemo, useState } from "../app/html.js";
import { useOnDemand } from "../app/on_demand.js";
import { usePlans } from "../app/plans.js";
import { navigate } from "../app/router.js";
import { hasSessionEnded } from "../app/session.js";
import { ActionButton } from "../components/button.js";
import { Notice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { useAllKeys } from "./keys/all_keys.js";
import { CreateKey } from "./keys/create_key.js";
import { FilterBar } from "./keys/filter_bar.js";
import { KeyList } from "./keys/key_list.js";
import { KeyStates, ListStatus } from "./keys/list_states.js";
import { SelectionBar } from "./keys/selection_bar.js";
import { useDebounced } from "./keys/debounced.js";
import { lastUse, monthUsage } from "./keys/usage.js";

/** The most keys whose usage is loaded without being asked for. The reads of a deployed API have a price. */
const MOST_UNASKED = { local: 1_000, deployed: 100 };
/** The time between two readings of the calls of a local gateway. */
const LIVE_MS = 2_000;

/** Shows the keys that the search in the address selects. */
export function Keys({ target, route }) {
  const search = searchOf(route.parameters);
  const isServerSearch = route.parameters.get("all") === "1";
  const isCreating = route.parameters.get("create") === "1";
  const conditions = useDebounced(conditionsOf(search, isServerSearch));
  const plans = usePlans();
  const blocked = useBlockedKeys();
  const month = useOnDemand(monthUsage);
  const last = useOnDemand(lastUse);
  const list = withFailedParts(useAllKeys(conditions), { plans, blocked, month, last });
  const [selected, setSelected] = useState(new Set());
  const [result, setResult] = useState();

  const shown = useMemo(
    () => sortKeys(selectKeys(list.keys, search, plans.data, Date.now(), blocked.data), search, month.data, last.data),
    [list.keys, plans.data, blocked.data, month.data, last.data, JSON.stringify(search)],
  );
  useLazyUsage({ target, list, search, month, last });

  const go = (change) =>
    navigate(["keys"], { ...search, all: isServerSearch ? "1" : "", ...change }, { replace: true });
  const create = html`
    <${ActionButton} kind="primary" method="POST" path="/keys" onClick=${() => go({ create: "1" })}>Create a key<//>`;
  return html`
    <${Page} title="Keys" intro="Who may call your API, on which plan." actions=${create}>
      ${result ? html`<${Notice} kind=${result.kind ?? "success"} title=${result.title}>${result.text}<//>` : null}
      <${FilterBar} search=${search} keys=${list.keys} plans=${plans.data} onChange=${go} />
      <${ListStatus} list=${list} shown=${shown.length} search=${search} isServerSearch=${isServerSearch}
        month=${month} last=${last} plans=${plans} blocked=${blocked} onChange=${go} />
      <${SelectionBar} list=${list} shown=${shown} selected=${selected} onSelect=${setSelected} plans=${plans.data}
        filter=${list.isLoading || list.isTruncated ? undefined : serverFilter(search)} onResult=${setResult} />
      ${shown.length > 0
        ? html`<${KeyList} keys=${shown} plans=${plans.data} blocked=${blocked.data} search=${search} month=${month}
          last=${last}
            selected=${selected} onSelect=${setSelected} onChange=${go} />`
        : html`<${KeyStates} list=${list} isFiltered=${isFiltered(search)} create=${create} onChange=${go} />`}
    <//>
    ${isCreating
      ? html`<${CreateKey} target=${target} plans=${plans} plan=${search.plan} onCreated=${list.replace}
          onClose=${() => go({ create: "" })} />`
      : null}`;
}

/** Returns the list, whose `reload` also repeats what has failed. */
function withFailedParts(list, { plans, blocked, month, last }) {
  const reload = () => {
    list.reload();
    if (plans.error) plans.reload();
    if (blocked.error) blocked.reload();
    if (month.error) month.start();
    if (last.error) last.start();
  };
  return { ...list, reload };
}

/** Returns the conditions of the list: all keys, unless only the server can search. */
function conditionsOf(search, isServerSearch) {
  if (!isServerSearch) return { unused_since: search.unused_since };
  return { ...listParameters(serverFilter(search, { isApproximate: true })), name: search.q };
}

/** Loads the usage of the keys when it is needed, or at once if that costs little. */
function useLazyUsage({ target, list, search, month, last }) {
  const isCheap = list.keys.length <= MOST_UNASKED[target.kind];
  const isReady = !list.isLoading && list.keys.length > 0;
  const needsMonth = isReady && (isCheap || target.kind === "local" || search.sort === "calls");
  const needsLast = isReady && (isCheap || search.sort === "last_used");

  useEffect(() => {
    if (needsMonth && !month.data) month.start();
  }, [needsMonth]);
  useEffect(() => {
    if (needsLast && !last.data) last.start();
  }, [needsLast]);
  useEffect(() => {
    if (!isReady || !isCheap || target.kind !== "local") return undefined;
    const timer = setInterval(() => {
      if (!document.hidden && !hasSessionEnded()) month.refresh();
    }, LIVE_MS);
    return () => clearInterval(timer);
  }, [isReady, isCheap]);
}
