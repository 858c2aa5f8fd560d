// The fields of a key.

import { html } from "../../app/html.js";
import { KEY_STATES } from "../../app/key_state.js";
import { planSummary } from "../../app/plans.js";
import { href } from "../../app/router.js";
import { Section } from "../../components/page.js";
import { Time } from "../../components/time.js";

/** Shows the fields that are set, with the meaning of the state. */
export function Facts({ keyed, state, plan }) {
  const rows = rowsOf(keyed, plan).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return html`
    <${Section} title="Details">
      <p>${KEY_STATES[state].meaning}</p>
      <dl class="key-facts">
        ${rows.map(([name, value]) => html`<div
          key=${name}><dt>${name}</dt><dd>${typeof value === "string" ? html`<bdi>${value}</bdi>` : value}</dd></div>`)}
      </dl>
      <p><a href=${href(["audit"], { target: keyed.key_id })}>Who changed this key</a></p>
    <//>`;
}

function rowsOf(key, plan) {
  const time = (value) => value && html`<${Time} value=${value} />`;
  const list = (values) =>
    values?.length > 0 && html`<ul>${values.map((value) => html`<li key=${value}><code>${value}</code></li>`)}</ul>`;
  const planLink = html`
    <a href=${href(["plans", key.plan])}>${key.plan}</a>${plan ? html`<span
      class="hint">${planSummary(plan)}</span>` : null}`;
  return [
    ["Plan", planLink],
    ["Group", key.group],
    ["Subject", key.subject],
    ["Description", key.description],
    ["Scopes", list(key.scopes) || undefined],
    ["Allowed addresses", list(key.allowed_ips) || "everywhere"],
    ["Not valid before", time(key.not_before)],
    ["Expires", key.expires_at ? time(key.expires_at) : "never"],
    ["Secret", key.hint ? html`ends with <code>${key.hint}</code>` : undefined],
    ["Prefix of secrets", key.prefix && html`<code>${key.prefix}</code>`],
    ["Earlier secrets work until", earlier(key.earlier_secrets_end_at)],
    ["Last used", lastUse(key)],
    ["Created", time(key.created_at)],
    ["Created by", key.managed_by && `${key.managed_by}, which may undo changes that are made here`],
    ["Changed", time(key.updated_at)],
    ["Metadata", metadata(key.metadata)],
  ];
}

function lastUse({ last_used_on: day, last_use_unknown: isUnknown }) {
  if (isUnknown) return "unknown: the usage could not be read";
  return day ?? "not within the last 366 days";
}

function earlier(instants) {
  if (!instants || instants.length === 0) return undefined;
  return html`<ul>${instants.map((value) => html`<li key=${value}><${Time} value=${value} /></li>`)}</ul>`;
}

function metadata(entries = {}) {
  const rows = Object.entries(entries);
  if (rows.length === 0) return undefined;
  return html`
    <dl class="key-facts inner">
      ${rows.map(([name, value]) => html`<div
        key=${name}><dt><code>${name}</code></dt><dd><bdi>${value}</bdi></dd></div>`)}
    </dl>`;
}
