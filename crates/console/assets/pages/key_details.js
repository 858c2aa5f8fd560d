// One key: its state, what it has left, its usage, its refusals, and changes to it.

import { html, useEffect, useMemo, useState } from "../app/html.js";
import { keyState } from "../app/key_state.js";
import { usePlans } from "../app/plans.js";
import { href, navigate } from "../app/router.js";
import { Button } from "../components/button.js";
import { CopyButton } from "../components/copy_button.js";
import { KeyBadge } from "../components/key_badge.js";
import { Notice } from "../components/notice.js";
import { Page, Section } from "../components/page.js";
import { Loading, Missing, Skeleton } from "../components/states.js";
import { ProblemNotice } from "../components/problem.js";
import { Actions } from "./key_details/actions.js";
import { BlockNotice } from "./key_details/block_notice.js";
import { Facts } from "./key_details/facts.js";
import { Grants } from "./key_details/grants.js";
import { GrantCalls } from "./key_details/grant_calls.js";
import { useBlock, useGrants, useKey, useLive, useReport } from "./key_details/loading.js";
import { MissingKey } from "./key_details/missing_key.js";
import { UsageChart } from "./key_details/usage_chart.js";
import { Windows } from "./key_details/windows.js";
import { RefusalsOf } from "./overview/refusals_of.js";

/** Shows the key of the address. */
export function KeyDetails({ target, route, object: id }) {
  const stored = useKey(id, target);
  const isMissing = stored.data === undefined && stored.error?.status === 404;
  if (isMissing) return html`<${MissingKey} id=${id} onRetry=${stored.reload} />`;
  if (!stored.data) {
    return html`
      <${Page} title=${id}>
        ${stored.error
          ? html`<${ProblemNotice} error=${stored.error} onRetry=${stored.reload} />`
          : html`<${Loading} label="Loading the key" isSlow=${stored.isSlow} onCancel=${stored.cancel} /><${Skeleton}
              />`}
      <//>`;
  }
  return html`<${LoadedKey} id=${id} target=${target} stored=${stored}
    wantedGrant=${route.parameters.get("grant")} />`;
}

const REFUSALS = 20;

function LoadedKey({ id, target, stored, wantedGrant }) {
  const { key, etag } = stored.data;
  const plans = usePlans();
  const block = useBlock(id, target);
  const grants = useGrants(id, target);
  const live = useLive(id, target);
  const [days, setDays] = useState(30);
  const report = useReport(id, days, live.data);
  const [result, setResult] = useState();
  const state = keyState(key, plans.data, Date.now(), Boolean(block.data));
  const isDeleted = stored.error?.status === 404;

  // The plan may be newer than the list of plans.
  const isPlanUnknown = plans.data !== undefined && !plans.data.has(key.plan);
  useEffect(() => {
    if (isPlanUnknown) plans.reload();
  }, [isPlanUnknown, key.plan]);

  // A block is set and removed by others too.
  const isRefusedAsBlocked = live.data?.decision?.reason === "blocked";
  useEffect(() => {
    if (block.data !== undefined && isRefusedAsBlocked !== Boolean(block.data)) block.reload();
  }, [isRefusedAsBlocked]);

  // Objects of their own for each render would start the lists below anew.
  const filter = useMemo(() => ({ key_id: id, limit: REFUSALS }), [id]);
  const changed = (next) => {
    setResult(next);
    for (const part of [stored, live, block, grants]) part.reload();
  };
  const openGrant = (quota) => navigate(["keys", id], { grant: quota }, { replace: true });
  const quotas = live.data?.quotas ?? [];
  const plan = plans.data?.get(key.plan);

  const actions = isDeleted
    ? null
    : html`<${Actions} target=${target} keyed=${key} etag=${etag} plans=${plans} isBlocked=${Boolean(block.data)}
      onChanged=${changed}
      onGrant=${quotas.length > 0 ? () => openGrant(quotas[0].name) : undefined} onReload=${stored.reload} />`;
  const title = html`<bdi>${key.name || id}</bdi> <${KeyBadge} state=${state} />`;
  return html`
    <${Page} title=${title} actions=${actions} intro=${html`<${Place} id=${id} />`}>
      ${isDeleted ? html`
        <${Notice} kind="warning" title="The key was deleted">The page shows its last state.<//>` : null}
      ${result ? html`<${Result} result=${result} onClose=${() => setResult(undefined)} />` : null}
      <${BlockNotice} block=${block.data} onChanged=${changed} />
      <${Missing} items=${missingItems({ plans, block })} />
      <div class="key-columns">
        <div>
          <${Windows} keyed=${key} plan=${plan} live=${live} state=${state} />
          <${Grants} id=${id} grants=${grants} live=${live.data} onGrant=${() => openGrant(quotas[0].name)}
            onChanged=${changed} />
          <${UsageChart} report=${report} days=${days} onDays=${setDays} />
        </div>
        <${Facts} keyed=${key} state=${state} plan=${plan} />
      </div>
      <${Section} title="Recent refusals"
        actions=${html`<a class="button"
          href=${href(["overview", "refusals"], { key_id: id })}>All refusals of this key</a>`}>
        <${RefusalsOf} target=${target} filter=${filter} caption="Recent refusals of this key" hasCaller=${false} />
      <//>
    <//>
    ${wantedGrant && quotas.length > 0 && !isDeleted
      ? html`<${GrantCalls} id=${id} target=${target} keyed=${key} quotas=${quotas} quota=${wantedGrant}
          onClose=${() => openGrant("")} onChanged=${(next) => { openGrant(""); changed(next); }} />`
      : null}`;
}

function Place({ id }) {
  return html`
    <a href=${href(["keys"])}>Keys</a> / <code>${id}</code> <${CopyButton} text=${id} label="Copy the id" />`;
}

/** Shows the result of a change where it is visible, until it is closed. */
function Result({ result, onClose }) {
  return html`
    <div class="key-result">
      <${Notice} kind=${result.kind ?? "success"} title=${result.title}
        actions=${html`<${Button} onClick=${onClose}>Dismiss<//>`}>${result.text}<//>
    </div>`;
}

function missingItems({ plans, block }) {
  return [
    plans.error && !plans.data && { what: "The limits of the plan", reason: plans.error.message },
    block.error && !block.data && { what: "Blocks", reason: block.error.message },
  ].filter(Boolean);
}
