// The start of the console: the session, the target, then the pages.

import "./one_time_code.js";
import { Shell } from "../components/shell.js";
import { Loading } from "../components/states.js";
import { ProblemNotice } from "../components/problem.js";
import { consoleApi } from "./api.js";
import { KIND } from "./api_error.js";
import { html, render, useEffect } from "./html.js";
import { openSession, withoutSession } from "./open_session.js";
import { setReadOnly } from "./permissions.js";
import { useResource } from "./resource.js";
import { isSessionOpen } from "./session.js";

const DEFAULT_READ_ONLY = "This console only reads. Start it with --write to change plans and keys.";

async function loadTarget(signal) {
  await openSession(signal);
  try {
    const { data } = await consoleApi.get("/target", { signal });
    return data;
  } catch (error) {
    throw error.kind === KIND.session && !isSessionOpen() ? withoutSession(error) : error;
  }
}

function App() {
  const target = useResource("target", loadTarget);
  useEffect(() => {
    if (target.data) setReadOnly(target.data.may_write ? undefined : (target.data.read_only_reason ?? DEFAULT_READ_ONLY));
  }, [target.data]);

  if (target.data) return html`<${Shell} target=${target.data} />`;
  if (target.error) {
    return html`<main class="start"><${ProblemNotice} error=${target.error} title=${startTitle(target.error)} onRetry=${target.reload} /></main>`;
  }
  return html`<main class="start"><${Loading} label="Loading the console" isSlow=${target.isSlow} /></main>`;
}

function startTitle(error) {
  return error.kind === KIND.session ? "This page has no session" : undefined;
}

render(html`<${App} />`, document.getElementById("app"));
