// The page Checks: runs `tollgate check` against the target, and explains the results.

import { html } from "../app/html.js";
import { useResource } from "../app/resource.js";
import { consoleApi } from "../app/api.js";
import { Page, Section } from "../components/page.js";
import { ProblemNotice } from "../components/problem.js";
import { Resource } from "../components/states.js";
import { Catalogue } from "./checks/catalogue.js";
import { Progress } from "./checks/progress.js";
import { Report } from "./checks/report.js";
import { RunForm } from "./checks/run_form.js";
import { useRun } from "./checks/run.js";

const INTRO = "Each check shows one fact about the deployment, names what is wrong, and says what to do next.";

/** Shows the form of a run, its progress, and the last report. */
export function Checks({ target }) {
  const catalogue = useResource("catalogue", async (signal) => {
    const { data } = await consoleApi.get("/checks/catalogue", { signal });
    return data;
  });
  return html`
    <${Page} title="Checks" intro=${INTRO}>
      <${Resource} resource=${catalogue} label="Loading the list of checks">
        ${(checks) => html`<${Run} checks=${checks} target=${target} />`}
      <//>
    <//>`;
}

function Run({ checks, target }) {
  const run = useRun();
  const { status, start, cancel } = run;
  const isRunning = status?.state === "running";
  return html`
    <${RunForm} checks=${checks} target=${target} isRunning=${isRunning || start.isRunning} onStart=${start.run} />
    ${start.error ? html`<${ProblemNotice} error=${start.error} title="The checks were not started" />` : null}
    ${run.error ? html`
      <${ProblemNotice} error=${run.error} title="The run cannot be read" onRetry=${run.reload} />` : null}
    ${cancel.error ? html`<${ProblemNotice} error=${cancel.error} title="The run was not ended cleanly" />` : null}
    <div role="status">${run.message ? html`<p class="checks-message">${run.message}</p>` : null}</div>
    ${isRunning ? html`<${Progress} status=${status} cancel=${cancel} />` : null}
    ${status?.state === "failed" ? html`<${FailedRun} status=${status} />` : null}
    ${run.report ? html`<${Report} report=${run.report} checks=${checks} isOld=${isRunning} />` : null}
    <${Section} title="What is checked"><${Catalogue} checks=${checks} /><//>`;
}

function FailedRun({ status }) {
  return html`<${ProblemNotice} error=${{ message: status.error }} title="The run has failed" />`;
}
