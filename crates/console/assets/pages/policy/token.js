// The token explainer: each check of a token under the policy in the editor.

import { consoleApi } from "../../app/api.js";
import { html, useEffect, useId, useState } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Checkbox } from "../../components/field.js";
import { Notice } from "../../components/notice.js";
import { Section } from "../../components/page.js";
import { ProblemNotice } from "../../components/problem.js";
import { Prose } from "../../components/prose.js";
import { Table } from "../../components/table.js";
import { parseRequests } from "./requests.js";

const BADGE = { passed: "ok", failed: "problem", skipped: "" };

/**
 * Shows the field for a token and its explanation. The token is in the memory of this component only: it is gone
 * when the operator leaves the page.
 *
 * @param {{text: string, check: object, lines: string}} properties `lines` are requests whose rules are checked too
 */
export function TokenExplainer({ text, check, lines }) {
  const [token, setToken] = useState("");
  const [explanation, setExplanation] = useState(undefined);
  const explain = useAction(async () => {
    setExplanation(undefined);
    const { requests } = parseRequests(lines);
    const { data } = await consoleApi.post("/tokens/explain", { text, token: token.trim(), requests });
    setExplanation(data);
  });

  const clear = () => {
    setToken("");
    setExplanation(undefined);
    explain.clear();
  };
  useEffect(() => {
    // The browser may keep the page in memory after the operator has left it.
    window.addEventListener("pagehide", clear);
    return () => window.removeEventListener("pagehide", clear);
  }, []);

  const isInvalid = check.state === "invalid";
  const submit = (event) => {
    event.preventDefault();
    if (token.trim() !== "" && !isInvalid) explain.run();
  };
  return html`
    <${Section} title="Why is a token accepted or refused?">
      <form onSubmit=${submit} autocomplete="off">
        <${TokenField} value=${token} onInput=${setToken} />
        <div class="actions">
          <${Button} type="submit" isBusy=${explain.isRunning} disabled=${isInvalid || token.trim() === ""}>
            Explain the token
          <//>
          <${Button} onClick=${clear} disabled=${token === "" && !explanation}>Clear<//>
          ${isInvalid ? html`<span class="hint">Correct the mistakes in the policy first.</span>` : null}
        </div>
      </form>
      ${explain.error
        ? html`<${ProblemNotice} error=${explain.error} title="The token could not be explained" />`
        : null}
      ${explanation ? html`<${Explanation} explanation=${explanation} />` : null}
    <//>`;
}

/** Shows a field whose text is masked. It is no password field, so that no browser offers to store the token. */
function TokenField({ value, onInput }) {
  const id = useId();
  const [isShown, setIsShown] = useState(false);
  return html`
    <div class="field">
      <label for=${id}>Token</label>
      <input id=${id} class=${isShown ? "code" : "code masked"} value=${value} autocomplete="off" spellcheck=${false}
        autocapitalize="off" data-1p-ignore data-lpignore="true" aria-describedby=${`${id}-hint`}
        onInput=${(event) => onInput(event.currentTarget.value)} />
      <p class="hint" id=${`${id}-hint`}>
        A token is a secret. The console checks it and forgets it: it is neither stored nor logged.
        ${" "}Signing keys are fetched from the issuer, and an introspection server of the policy is asked.
      </p>
    </div>
    <${Checkbox} label="Show the token" checked=${isShown} onChange=${setIsShown} />`;
}

/** The check that is made for each request, with a token that is valid or not. */
const OF_REQUEST = "rule";

/** Returns the outcome in one sentence: of the token, then of the requests that are tested with it. */
function outcomeOf({ accepted, checks }) {
  const hasFailed = ({ result }) => result === "failed";
  const requests = checks.filter(({ check }) => check === OF_REQUEST);
  const refused = requests.filter(hasFailed).length;
  const failure = checks.find((check) => check.check !== OF_REQUEST && hasFailed(check));

  if (accepted) return { kind: "success", title: "The token is accepted" };
  if (failure || refused === 0) return { kind: "problem", title: "The token is refused", failure };
  const verb = refused === 1 ? "is" : "are";
  const share = `${refused} of ${requests.length} requests`;
  return { kind: "warning", title: `The token is valid, but ${share} ${verb} refused` };
}

function Explanation({ explanation }) {
  const { reason, detail, issuer, checks } = explanation;
  const { kind, title, failure } = outcomeOf(explanation);
  const columns = [
    { title: "Check", cell: ({ check }) => check },
    { title: "Result", cell: ({ result }) => html`<span class=${`badge ${BADGE[result] ?? ""}`}>${result}</span>` },
    { title: "Explanation", cell: (item) => html`<${CheckText} item=${item} />` },
  ];
  return html`
    <div class="policy-explanation">
      <${Notice} kind=${kind} title=${title}>
        ${failure ? html`<p><${Prose} text=${failure.text} /></p>` : null}
        ${kind === "problem" ? html`<p>Reason <code>${reason}</code></p>` : null}
        ${kind === "problem" && detail && detail !== failure?.text
          ? html`<p>Detail <code>${detail}</code></p>` : null}
        ${issuer ? html`<p>Issuer <code>${issuer}</code></p>` : null}
      <//>
      <${Table} caption="Checks of the token" columns=${columns} rows=${checks}
        rowKey=${({ check }, index) => `${index} ${check}`} />
    </div>`;
}

function CheckText({ item: { text, reason, detail } }) {
  const codes = [reason, detail !== text && detail].filter(Boolean).join(", ");
  return html`
    <span class="policy-text"><${Prose} text=${text} /></span>
    ${codes ? html`<div class="hint"><code>${codes}</code></div>` : null}`;
}
