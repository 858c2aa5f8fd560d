// The choice of the checks to make.

import { html, useState } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Checkbox, Field } from "../../components/field.js";
import { byGroup, groupSubject, groupTitle } from "./groups.js";

const REQUESTS = "requests";
const REQUESTS_HINT = "Creates a temporary plan and a temporary key, both named check-…, calls the API with them, "
  + "and deletes both at the end.";
const ECHO_HINT = "A route that a key may call, whose backend returns the path and all headers that it received. "
  + "Without it, two checks are not proven.";
const LOCAL_ECHO = "The built-in backend of the local gateway does so for every path, such as /orders.";
const MAX_PATH_CHARACTERS = 2_000;
const FILE_GROUPS = ["parameters", "account"];

/** Shows the groups that can be checked with this target. `onStart` gets the request for a run. */
export function RunForm({ checks, target, isRunning, onStart }) {
  const readOnly = byGroup(checks.filter(({ group, is_available: isAvailable }) => isAvailable && group !== REQUESTS))
    .map(([group, { length }]) => ({ group, length }));
  const [chosen, setChosen] = useState(() => new Set(readOnly.map(({ group }) => group)));
  const [hasRequests, setHasRequests] = useState(false);
  const [path, setPath] = useState("/");
  const [echo, setEcho] = useState("");

  const toggle = (group) => (isChecked) => setChosen((previous) => {
    const next = new Set(previous);
    if (isChecked) next.add(group);
    else next.delete(group);
    return next;
  });
  const only = [...chosen, ...(hasRequests ? [REQUESTS] : [])];
  const pathError = hasRequests ? errorOfPath(path) : undefined;
  const echoError = hasRequests && echo !== "" ? errorOfPath(echo) : undefined;
  const cannotRun = only.length === 0 || pathError !== undefined || echoError !== undefined;
  const submit = (event) => {
    event.preventDefault();
    if (cannotRun) return;
    const paths = hasRequests ? { path, ...(echo === "" ? {} : { echo }) } : {};
    onStart({ only, requests: hasRequests, ...paths });
  };

  return html`
    <form class="card checks-form" onSubmit=${submit}>
      <fieldset disabled=${isRunning}>
        <legend>Groups of checks</legend>
        <div class="checks-groups">
          ${readOnly.map(({ group, length }) => html`
            <${Checkbox} key=${group} label=${`${groupTitle(group)} (${length})`} hint=${sentence(groupSubject(group))}
              checked=${chosen.has(group)} onChange=${toggle(group)} />`)}
          <${RequestsChoice} target=${target} checks=${checks} checked=${hasRequests} onChange=${setHasRequests} />
        </div>
        ${hasRequests ? html`
          <div class="checks-paths">
            <${Field} label="Path" value=${path} onInput=${setPath} error=${pathError} maxlength=${MAX_PATH_CHARACTERS}
              hint="A route that needs a key, and that a key may call with GET. Public routes prove nothing." />
            <${Field} label="Echo path (optional)" value=${echo} onInput=${setEcho} error=${echoError}
              maxlength=${MAX_PATH_CHARACTERS}
              hint=${target.kind === "local" ? `${ECHO_HINT} ${LOCAL_ECHO}` : ECHO_HINT} />
          </div>` : null}
      </fieldset>
      <div class="actions">
        <${Button} type="submit" kind="primary" disabled=${isRunning || cannotRun}>
          Run checks
        <//>
        ${only.length === 0 ? html`<span class="hint" role="status">Choose at least one group.</span>` : null}
      </div>
      <${OtherGroups} checks=${checks} target=${target} />
    </form>`;
}

function sentence(text) {
  return text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** Returns what is wrong with a path, or undefined. */
function errorOfPath(path) {
  return /^\/[!-~]*$/.test(path) ? undefined : "Expected a path such as /orders.";
}

function RequestsChoice({ target, checks, checked, onChange }) {
  const total = checks.filter(({ group }) => group === REQUESTS).length;
  const reason = target.may_write ? undefined : target.read_only_reason ?? "This console only reads.";
  return html`
    <${Checkbox} label=${`${groupTitle(REQUESTS)} (${total})`} checked=${checked} onChange=${onChange}
      disabled=${reason !== undefined} hint=${reason ? `${REQUESTS_HINT} ${reason}` : REQUESTS_HINT} />`;
}

/** Names the groups that need something else. */
function OtherGroups({ checks, target }) {
  const missing = byGroup(checks.filter((check) => !check.is_available)).map(([group]) => group)
    .filter((group) => group !== REQUESTS);
  const ofFile = missing.filter((group) => FILE_GROUPS.includes(group)).map(groupTitle).join(" and ");
  const ofStack = missing.filter((group) => !FILE_GROUPS.includes(group)).map(groupTitle).join(", ");
  const stack = target.kind === "local" ? "a deployed stack" : "a console that was started with --stack";
  return html`
    ${ofStack ? html`<p class="hint">${ofStack}: these groups need ${stack}.</p>` : null}
    ${ofFile ? html`
      <p class="hint">
        ${ofFile}: for these groups, run <code>tollgate check --parameters FILE</code> before a deployment.
      </p>` : null}`;
}
