// The start of the console: the session, the target, then the pages.

import { Shell } from "../components/shell.js";
import { Loading } from "../components/states.js";
import { ProblemNotice } from "../components/problem.js";
import { consoleApi } from "./api.js";
import { html, render, useEffect } from "./html.js";
import { setReadOnly } from "./permissions.js";
import { useResource } from "./resource.js";

const DEFAULT_READ_ONLY = "This console only reads. Start it with --write to change plans and keys.";

async function loadTarget(signal) {
  const { data } = await consoleApi.get("/target", { signal });
  return data;
}

function App() {
  const target = useResource("target", loadTarget);
  useEffect(() => {
    if (target.data) setReadOnly(target.data.may_write ? undefined : (target.data.read_only_reason ?? DEFAULT_READ_ONLY));
  }, [target.data]);

  if (target.data) return html`<${Shell} target=${target.data} />`;
  if (target.error) {
    return html`<main class="start"><${ProblemNotice} error=${target.error} onRetry=${target.reload} /></main>`;
  }
  return html`<main class="start"><${Loading} label="Loading the console" isSlow=${target.isSlow} /></main>`;
}

render(html`<${App} />`, document.getElementById("app"));
