// The form of a plan, for the fields that most plans need.

import { html } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Checkbox, Field } from "../../components/field.js";
import { Prose } from "../../components/prose.js";
import { mistakeAt, RATE_KINDS, rateKind, withField, withQuota, withRateKind } from "./fields.js";
import { NumberField } from "./number_field.js";
import { PERIODS } from "./periods.js";
import { QuotaFields, ZoneList } from "./quota_fields.js";

const MAX_QUOTAS = 4;

const STORE_FAILURE = [
  { value: "allow", text: "Calls pass and are not counted" },
  { value: "deny", text: "Calls are refused" },
  { value: "local", text: "Each instance applies its share of the limits" },
];

/**
 * Shows the form.
 *
 * @param {{plan: object, onChange: (plan: object) => void, check: object, isDisabled: boolean}} properties
 */
export function PlanForm({ plan, onChange, check, isDisabled }) {
  const mistake = (pointer) => {
    const text = mistakeAt(check, pointer);
    return text && html`<${Prose} text=${text} />`;
  };
  const set = (name) => (value) => onChange(withField(plan, name, value));
  return html`
    <div class="plan-form">
      <${RateFields} plan=${plan} onChange=${onChange} mistake=${mistake} isDisabled=${isDisabled} />
      <${Quotas} plan=${plan} onChange=${onChange} mistake=${mistake} isDisabled=${isDisabled} />
      <fieldset disabled=${isDisabled}>
        <legend>Behavior</legend>
        <${Field} label="While the store does not respond" as="select" value=${plan.on_store_failure ?? "allow"}
          error=${mistake("/on_store_failure")}
          onInput=${(value) => set("on_store_failure")(value === "allow" ? undefined : value)}>
          ${STORE_FAILURE.map(({ value, text }) => html`<option key=${value} value=${value}>${text}</option>`)}
        <//>
        <${NumberField} label="Share of a limit from which a caller is near it" placeholder="0.8"
          hint="From 0 to 1. The default is 0.8." value=${plan.near_limit}
          onChange=${set("near_limit")} error=${mistake("/near_limit")} />
        <${Checkbox} label="All callers of the plan share one set of limits"
          checked=${plan.shared_by_plan === true}
          onChange=${(isOn) => set("shared_by_plan")(isOn || undefined)} />
        <${Checkbox} label="Dry run: calls over a limit pass, and the log names the limit"
          checked=${plan.shadow === true}
          onChange=${(isOn) => set("shadow")(isOn || undefined)} />
        <${Checkbox} label="Disabled: all calls are refused with 403" checked=${plan.enabled === false}
          onChange=${(isOn) => set("enabled")(isOn ? false : undefined)} />
      </fieldset>
      <${OnlyJson} plan=${plan} />
      <${ZoneList} />
    </div>`;
}

function RateFields({ plan, onChange, mistake, isDisabled }) {
  const kind = rateKind(plan);
  const throttle = (name) => (value) => onChange({ ...plan, throttle: withField(plan.throttle, name, value) });
  const set = (name) => (value) => onChange(withField(plan, name, value));
  return html`
    <fieldset disabled=${isDisabled}>
      <legend>Rate of each caller</legend>
      <${Field} label="Kind of limit" as="select" value=${kind} error=${mistake("/algorithm")}
        onInput=${(value) => onChange(withRateKind(plan, value))}>
        ${RATE_KINDS.map(({ value, text }) => html`<option key=${value} value=${value}>${text}</option>`)}
      <//>
      ${kind === "bucket" ? html`
        <div class="plan-row">
          <${NumberField} label="Calls per second" value=${plan.throttle.rate} onChange=${throttle("rate")}
            error=${mistake("/throttle/rate")} />
          <${NumberField} label="Burst, in calls" value=${plan.throttle.burst} onChange=${throttle("burst")}
            error=${mistake("/throttle/burst")} />
        </div>` : null}
      ${kind === "window" ? html`
        <div class="plan-row">
          <${NumberField} label="Calls per window" value=${plan.limit} onChange=${set("limit")}
            error=${mistake("/limit")} />
          <${NumberField} label="Window, in seconds" value=${plan.window_s} onChange=${set("window_s")}
            error=${mistake("/window_s")} />
        </div>` : null}
    </fieldset>`;
}

function Quotas({ plan, onChange, mistake, isDisabled }) {
  const quotas = plan.quotas ?? [];
  const add = () => {
    // Two quotas with the same period are a mistake.
    const unused = PERIODS.find(({ value }) => value !== "hour" && !quotas.some(({ period }) => period === value));
    onChange(withQuota(plan, quotas.length, { limit: 1_000, period: unused?.value ?? "hour" }));
  };
  return html`
    <div class="plan-quotas" role="group" aria-label="Quotas of each caller">
      <h2>Quotas of each caller</h2>
      ${quotas.length === 0 ? html`<p class="hint">There is no quota: only the rate limits a caller.</p>` : null}
      ${quotas.map((quota, index) => html`
        <${QuotaFields} key=${index} quota=${quota} isDisabled=${isDisabled}
          mistake=${(field) => mistake(`/quotas/${index}/${field}`)}
          onChange=${(changed) => onChange(withQuota(plan, index, changed))} />`)}
      ${quotas.length < MAX_QUOTAS ? html`<${Button} onClick=${add} disabled=${isDisabled}>Add a quota<//>` : null}
    </div>`;
}

/** Names fields that only the JSON has. */
function OnlyJson({ plan }) {
  const fields = ["routes", "lease", "time_zone"].filter((name) => plan[name] !== undefined);
  if ((plan.quotas ?? []).some((quota) => quota.warn_at !== undefined)) fields.push("warn_at");
  const present = fields.length > 0 ? ` This plan has ${fields.join(", ")}.` : "";
  return html`<p class="hint">Limits of routes, thresholds of quotas and leases are in the JSON only.${present}</p>`;
}
