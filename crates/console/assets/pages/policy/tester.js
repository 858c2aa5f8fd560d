// The tester: which rule of the policy decides a request?

import { consoleApi } from "../../app/api.js";
import { html, useEffect, useState } from "../../app/html.js";
import { Field } from "../../components/field.js";
import { Section } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { Prose } from "../../components/prose.js";
import { Table } from "../../components/table.js";
import { parseRequests } from "./requests.js";

/** The time without a change after which the requests are tested. */
const PAUSE_MS = 300;

const INITIAL = { decisions: undefined, error: undefined, key: undefined };

async function decide(text, requests, signal) {
  const { data } = await consoleApi.post("/policies/explain", { text, requests }, { signal });
  return data.decisions;
}

/** Returns the decisions of a policy, each with the one of the other policy if there is one. */
async function compare(text, otherText, requests, signal) {
  const asked = [text, otherText].filter((policy) => policy !== undefined);
  const [decisions, others] = await Promise.all(asked.map((policy) => decide(policy, requests, signal)));
  return decisions.map((decision, index) => ({ ...decision, other: others?.[index] }));
}

/** Returns the decisions of a policy on requests. The newest question wins. */
function useDecisions(text, otherText, requests, isReady) {
  const [state, setState] = useState(INITIAL);
  const key = JSON.stringify([text, otherText, requests]);

  useEffect(() => {
    if (!isReady || requests.length === 0) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    const ask = async () => {
      try {
        const decisions = await compare(text, otherText, requests, signal);
        if (!signal.aborted) setState({ decisions, error: undefined, key });
      } catch (error) {
        if (!signal.aborted) setState({ decisions: undefined, error, key });
      }
    };
    const timer = setTimeout(ask, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key, isReady]);
  return { ...state, isCurrent: state.key === key };
}

/**
 * Shows the tester of the policy in the editor.
 *
 * @param {{text: string, otherText?: string, check: object, lines: string, onLines: (lines: string) => void,
 *   onSelect: (pointer: string) => void}} properties `otherText` is a policy whose decisions are compared, `onSelect`
 *   shows a place in the editor
 */
export function Tester({ text, otherText, check, lines, onLines, onSelect }) {
  const { requests, mistakes } = parseRequests(lines);
  const isInvalid = check.state === "invalid";
  const result = useDecisions(text, otherText, requests, !isInvalid && check.state !== "checking");

  return html`
    <${Section} title="Which rule decides?">
      <${Field} label="Requests" as="textarea" rows="4" class="code" value=${lines} onInput=${onLines}
        hint="One per line: a method and a path. Without a method, it is GET."
        error=${mistakes.length > 0 ? mistakes.join(" ") : undefined} />
      <p class="hint">
        The tester knows only the policy. Routes without the authorizer are not decided by it, such as the public route
        ${" "}<code>GET /health</code> and the IAM routes below <code>/_tollgate/v1/</code>.
      </p>
      <p class="visually-hidden" role="status">${result.isCurrent ? summary(result.decisions) : ""}</p>
      <${Result} result=${result} isInvalid=${isInvalid} hasRequests=${requests.length > 0} onSelect=${onSelect} />
    <//>`;
}

/** Returns the result in a few words, for readers of the screen. */
function summary(decisions = []) {
  const refused = decisions.filter(({ rule }) => !rule).length;
  return decisions.length === 0 ? "" : `${decisions.length} tested, ${refused} refused before a rule decides`;
}

function Result({ result, isInvalid, hasRequests, onSelect }) {
  if (!hasRequests) return html`<p class="hint">Enter a request to see the rule that decides it.</p>`;
  if (isInvalid) return html`<p class="hint">Correct the mistakes in the policy to test it.</p>`;
  if (result.error) return html`<${ProblemNotice} error=${result.error} title="The requests could not be tested" />`;
  if (!result.decisions) return html`<p class="hint">Testing …</p>`;

  const columns = [
    { title: "Request", cell: ({ method, path }) => html`<code>${method} ${path}</code>` },
    { title: "Rule", cell: (decision) => html`<${Rule} decision=${decision} onSelect=${onSelect} />` },
    { title: "Decision", cell: (decision) => html`<${Decision} decision=${decision} />` },
  ];
  return html`
    <div class=${result.isCurrent ? "" : "outdated"}>
      <${Table} caption="Decisions" columns=${columns} rows=${result.decisions}
        rowKey=${({ method, path }, index) => `${index} ${method} ${path}`} />
    </div>`;
}

function Rule({ decision: { rule }, onSelect }) {
  if (!rule) return html`<span class="badge problem">refused</span>`;
  return html`
    <button type="button" class="link" onClick=${() => onSelect(`/rules/${rule.index}`)}
      aria-label=${`Show rules[${rule.index}] in the editor`}>rules[${rule.index}]</button>
    <div><code class="policy-match">${rule.match}</code></div>`;
}

/** Shows what the rule requires, or why no rule decides. */
function Decision({ decision }) {
  const { rule, reason, text, other } = decision;
  const facts = rule ? factsOf(rule) : [];
  return html`
    <div><${Prose} text=${text} /></div>
    ${rule ? null : html`<div class="hint">Reason <code>${reason}</code></div>`}
    <div class="policy-facts">${facts.map((fact) => html`<span key=${fact} class="badge">${fact}</span>`)}</div>
    ${other ? html`<${Difference} decision=${decision} other=${other} />` : null}`;
}

/** Says whether the policy decides as its candidate does. */
function Difference({ decision, other }) {
  const key = ({ rule, reason }) => JSON.stringify(rule ? { ...rule, index: 0, match: "" } : reason);
  if (key(decision) === key(other)) return html`<div class="hint">The policy requires the same.</div>`;
  return html`
    <div class="policy-difference">
      <span class="badge warning">differs</span> The policy decides: <${Prose} text=${other.text} />
    </div>`;
}

/** Returns what a rule requires and charges, in a few words each. */
function factsOf(rule) {
  const facts = [
    rule.auth === "none" ? "public" : `auth ${rule.auth}`,
    ...(rule.scopes ?? []).map((scope) => `scope ${scope}`),
    ...(rule.roles ?? []).map((role) => `role ${role}`),
    ...(rule.issuers ?? []).map((issuer) => `issuer ${issuer}`),
    rule.plan && `plan ${rule.plan}`,
    rule.limit_by && `limited by ${rule.limit_by}`,
    rule.cost !== undefined && rule.cost !== 1 && `cost ${rule.cost}`,
  ];
  return facts.filter(Boolean);
}
