// What a change of a plan does to the keys on it.

import { count } from "../../app/format.js";
import { html, useRef } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { href } from "../../app/router.js";
import { Notice } from "../../components/notice.js";
import { Section } from "../../components/page.js";
import { Resource } from "../../components/states.js";
import { planChanges, tightenedQuotas } from "./changes.js";
import { countKeys, keyCount } from "./counts.js";
import { firstDay, quotaName, ZONED } from "./periods.js";
import { callersAbove, MAX_KEYS, readUsage } from "./usage_above.js";

/** The number of callers that are listed. */
const MAX_LISTED = 10;
/** The number of keys that are counted. */
const MAX_COUNTED = 2_000;

const EFFECT = { tighter: "tighter", looser: "looser", other: "different" };

/**
 * Shows what a change does, before it is saved.
 *
 * @param {{name: string, before: object, after?: object, isChanged: boolean, check: object}} properties
 */
export function Impact({ name, before, after, isChanged, check }) {
  const keys = useResource(`keys on ${name}`, (signal) => countKeys(name, signal, MAX_COUNTED));
  return html`
    <${Section} title="What this change does">
      <${Resource} resource=${keys} label="Counting the keys on this plan">
        ${(found) => html`<${KeysSentence} name=${name} found=${found} />`}
      <//>
      <${Effect} name=${name} before=${before} after=${useChecked(after, check)} isChanged=${isChanged} check=${check}
        keys=${keys.data} />
    <//>`;
}

/**
 * Returns the latest version that the check found valid, so that nothing jumps between two keystrokes. Other texts
 * may be JSON, but not a plan.
 */
function useChecked(plan, check) {
  const latest = useRef(undefined);
  if (check.state === "valid") latest.current = plan;
  else if (check.state !== "checking") latest.current = undefined;
  return latest.current;
}

const HINTS = {
  invalid: "Correct the mistakes to see it.",
  unavailable: "The text could not be checked, so its effect is not known.",
};

function Effect({ name, before, after, isChanged, check, keys }) {
  if (!isChanged) return html`<p class="hint">Nothing is changed yet.</p>`;
  if (!after) return html`<p class="hint">${HINTS[check.state] ?? "Checking the text …"}</p>`;
  return html`<${Changes} name=${name} before=${before} after=${after} keys=${keys} />`;
}

function KeysSentence({ name, found }) {
  if (found.count === 0) return html`<p>No key is on this plan. Tokens and certificates can be on it too.</p>`;
  const number = `${keyCount(found)} ${found.count === 1 ? "key" : "keys"}`;
  return html`
    <p>
      <a href=${href(["keys"], { plan: name })}>${number}</a> ${found.count === 1 ? "is" : "are"} on this plan.
      ${" "}Changes apply within 30 seconds.
    </p>`;
}

function Changes({ name, before, after, keys }) {
  const changes = planChanges(before, after);
  if (changes.length === 0) return html`<p>The plan means the same as before.</p>`;
  const isDisabled = before.enabled !== false && after.enabled === false;
  return html`
    <ul class="plan-changes">
      ${changes.map(({ effect, text }) => html`
        <li key=${text}>
          <span class=${`badge ${effect === "tighter" ? "warning" : ""}`}>${EFFECT[effect]}</span>
          <span>${text}</span>
        </li>`)}
    </ul>
    ${isDisabled && keys?.count > 0 ? html`<${Disabled} keys=${keys} />` : null}
    ${tightenedQuotas(before, after).map((quota) => html`
      <${Above} key=${quotaName(quota)} name=${name} quota=${quota} isShared=${after.shared_by_plan === true} />`)}`;
}

function Disabled({ keys }) {
  const number = `${keyCount(keys)} ${keys.count === 1 ? "key" : "keys"}`;
  return html`<${Notice} kind="warning" title=${`All calls of ${number} will be refused with 403`} />`;
}

/** Shows the callers that have used up a quota already. */
function Above({ name, quota, isShared }) {
  const from = firstDay(quota);
  const key = [name, quota.period, quota.time_zone, quota.starts_on, isShared].join(" ");
  const usage = useResource(key, (signal) => (from ? readUsage(name, quota, { isShared, signal }) : undefined));
  if (!from) {
    return html`
      <p class="hint">
        ${ZONED.includes(quota.period) ? "The browser does not know the time zone" : "Usage reports have days"}, so it is
        ${" "}unknown which keys are above the new quota ${quotaName(quota)}.
      </p>`;
  }
  return html`
    <${Resource} resource=${usage} label=${`Comparing the usage with the new quota ${quotaName(quota)}`}>
      ${(read) => html`<${Callers} quota=${quota} read=${read} from=${from} />`}
    <//>`;
}

function Callers({ quota, read, from }) {
  const above = callersAbove(read.callers, quota.limit);
  const zone = quota.time_zone ?? "UTC";
  const isExact = read.zones.every((reported) => reported === zone);
  const notes = [
    !isExact && `The figures are approximate: reports count days in ${read.zones.join(", ")}, the quota in ${zone}.`,
    read.isMore && `The first ${count(MAX_KEYS)} keys are compared.`,
  ].filter(Boolean);
  const share = `${count(above.length)} of ${count(read.callers.length)} caller${read.callers.length === 1 ? "" : "s"}`;
  const title = above.length === 0
    ? `No key has used up the new quota ${quotaName(quota)}`
    : `The quota ${quotaName(quota)} would refuse ${share} at once`;
  return html`
    <${Notice} kind=${above.length === 0 ? "info" : "warning"} title=${title}>
      ${above.length > 0 ? html`
        <p>
          They have used ${count(quota.limit)} calls or more since ${from} (${zone}). Granted calls are not considered.
        </p>
        <ul class="link-list">
          ${above.slice(0, MAX_LISTED).map(({ name, keyId, used }) => html`
            <li key=${name}>
              ${keyId ? html`<a href=${href(["keys", keyId])}>${keyId}</a>` : name}: ${count(used)} calls
            </li>`)}
          ${above.length > MAX_LISTED ? html`<li>and ${count(above.length - MAX_LISTED)} more</li>` : null}
        </ul>` : null}
      ${notes.map((note) => html`<p key=${note}>${note}</p>`)}
    <//>`;
}
