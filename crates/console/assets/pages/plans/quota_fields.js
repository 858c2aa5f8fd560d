// The fields of a quota.

import { html, useMemo } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Checkbox, Field } from "../../components/field.js";
import { withField } from "./fields.js";
import { NumberField } from "./number_field.js";
import { PERIODS, quotaName, ZONED } from "./periods.js";

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const ZONE_LIST = "time-zones";
/** The time zones that the browser knows, for suggestions. */
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** Returns a quota with another period, without fields that the period does not have. */
export function withPeriod(quota, period) {
  const { starts_on: startsOn, time_zone: zone, ...rest } = { ...quota, period };
  const isDayKept = startsOn !== undefined && period === quota.period;
  return {
    ...rest,
    ...(zone !== undefined && ZONED.includes(period) ? { time_zone: zone } : {}),
    ...(isDayKept ? { starts_on: startsOn } : {}),
  };
}

/**
 * Shows the fields of a quota.
 *
 * @param {{quota: object, onChange: (quota: object | undefined) => void, isDisabled: boolean,
 *   mistake: (field: string) => unknown}} properties `onChange` gets undefined to remove the quota
 */
export function QuotaFields({ quota, onChange, mistake, isDisabled }) {
  const set = (name) => (value) => onChange(withField(quota, name, value));
  const text = (name) => (value) => set(name)(value.trim() === "" ? undefined : value.trim());
  const title = `Quota ${quotaName(quota) ?? ""}`;

  return html`
    <fieldset class="plan-quota" disabled=${isDisabled}>
      <legend>${title}</legend>
      <div class="plan-row">
        <${NumberField} label="Calls" value=${quota.limit} onChange=${set("limit")} error=${mistake("limit")} />
        <${Field} label="Period" as="select" value=${quota.period} error=${mistake("period")}
          onInput=${(period) => onChange(withPeriod(quota, period))}>
          ${PERIODS.map(({ value, text: label }) => html`<option key=${value} value=${value}>${label}</option>`)}
        <//>
        <${Start} quota=${quota} onChange=${set("starts_on")} error=${mistake("starts_on")} />
      </div>
      <div class="plan-row">
        ${ZONED.includes(quota.period)
          ? html`<${Zone} value=${quota.time_zone} onInput=${text("time_zone")} error=${mistake("time_zone")} />`
          : null}
        <${Field} label="Name" value=${quota.name ?? ""} placeholder=${quota.period} onInput=${text("name")}
          error=${mistake("name")} />
      </div>
      <${Checkbox} label="Calls beyond the limit pass and are counted" checked=${quota.overage === "allow"}
        onChange=${(isOn) => set("overage")(isOn ? "allow" : undefined)} />
      <${Button} aria-label=${`Remove the quota ${quotaName(quota) ?? ""}`}
        onClick=${() => onChange(undefined)}>Remove<//>
    </fieldset>`;
}

function Start({ quota, onChange, error }) {
  if (quota.period === "week") {
    return html`
      <${Field} label="Starts on" as="select" value=${String(quota.starts_on ?? 1)} error=${error}
        onInput=${(day) => onChange(day === "1" ? undefined : Number(day))}>
        ${WEEKDAYS.map((day, index) => html`<option key=${day} value=${String(index + 1)}>${day}</option>`)}
      <//>`;
  }
  if (quota.period !== "month") return null;
  return html`
    <${NumberField} label="Starts on day" placeholder="1" value=${quota.starts_on} onChange=${onChange}
      error=${error} />`;
}

function Zone({ value, onInput, error }) {
  return html`
    <${Field} label="Time zone" value=${value ?? ""} placeholder="UTC" list=${ZONE_LIST} onInput=${onInput}
      error=${error} />`;
}

/** Adds the suggestions for all fields with a time zone. */
export function ZoneList() {
  return useMemo(() => {
    const options = ZONES.map((zone) => html`<option key=${zone} value=${zone}></option>`);
    return html`<datalist id=${ZONE_LIST}>${options}</datalist>`;
  }, []);
}
