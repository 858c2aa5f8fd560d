// The dialog for a change of many keys: what to change, a preview, the progress, the result.

import { count, counted } from "../../app/format.js";
import { html, useEffect, useRef, useState } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { PlanField } from "../../components/key_form.js";
import { ProblemNotice } from "../../components/problem.js";
import { Loading } from "../../components/states.js";
import { ChangePreview, ChangeResult } from "./change_views.js";
import { applyByFilter, applyOneByOne, previewByFilter, previewOf } from "./changes.js";

/**
 * Asks for the details of a change, shows what it would do, and makes it.
 *
 * @param {object} properties
 * @param {{id: string, verb: string, done: string, set?: object}} properties.change
 * @param {object[]} properties.keys the selected keys
 * @param {object} [properties.filter] selects the same keys on the server, for one request
 * @param {(result?: {title: string, text?: string}) => void} properties.onClose
 */
export function ChangeKeys({ change, keys, filter, plans, list, onClose }) {
  const [plan, setPlan] = useState("");
  const set = change.set ?? (change.id === "move" && plan !== "" ? { plan } : undefined);
  const run = useChange({ change, keys, filter, set, list });
  const { step, error, progress } = run;
  const current = run.left ?? keys;
  const isReady = change.id === "delete" || set !== undefined;

  useEffect(() => {
    if (isReady) run.preview();
  }, [isReady, plan]);

  const title = `${change.verb} ${counted(current.length, "key")}`;
  const isRunning = step === "running";
  return html`
    <${Dialog} title=${title} onClose=${() => onClose(run.result && resultText(change, run.result))}
      isLocked=${isRunning}>
      ${change.id === "move" && !run.result
        ? html`<${PlanField} label="New plan" isFirst plans=${{ data: plans }} value=${plan} onInput=${setPlan} />`
        : null}
      ${step === "previewing" ? html`<${Loading} label="Finding out what would change" />` : null}
      ${error ? html`<${ProblemNotice} error=${error} onRetry=${isRunning ? undefined : run.preview} />` : null}
      ${step === "preview" && run.plan
        ? html`<${Preview} change=${change} keys=${current} run=${run} onCancel=${() => onClose()} />`
        : null}
      ${isRunning ? html`<${Progress} progress=${progress} onCancel=${run.cancel} />` : null}
      ${step === "done"
        ? html`<${ChangeResult} result=${run.result} done=${change.done} onContinue=${run.preview}
            onClose=${() => onClose(resultText(change, run.result))} />`
        : null}
    <//>`;
}

/** Returns the steps of a change: previewing, preview, running, done. */
function useChange({ change, keys, filter, set, list }) {
  const [state, setState] = useState({ step: "choosing" });
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);

  const current = state.left ?? keys;
  const perform = async (step, work, next) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState((previous) => ({ ...previous, step, error: undefined, progress: undefined }));
    try {
      const value = await work(controller.signal);
      if (running.current === controller) setState((previous) => ({ ...previous, step: next, ...value }));
    } catch (error) {
      if (running.current === controller) setState((previous) => ({ ...previous, step: "failed", error }));
    }
  };
  return {
    ...state,
    preview: () =>
      perform(
        "previewing",
        async (signal) => ({
          plan: filter ? await previewByFilter({ filter, set, signal }) : previewOf(current, set),
        }),
        "preview",
      ),
    apply: () =>
      perform(
        "running",
        async (signal) => {
          const onProgress = (done) =>
            setState((previous) => ({ ...previous, progress: { done, total: current.length } }));
          if (!filter) onProgress(0);
          const result = filter
            ? await applyByFilter({ filter, set, token: state.plan.token, signal })
            : await applyOneByOne({ keys: current, set, list, signal, onProgress });
          if (filter) list.reload();
          return { result: sumOf(state.result, result), left: result.left };
        },
        "done",
      ),
    cancel: () => running.current?.abort(),
  };
}

/** Returns the results of a change that was stopped and continued. */
function sumOf(before, result) {
  if (!before?.left) return result;
  return { ...result, changed: before.changed + result.changed, failed: [...before.failed, ...result.failed] };
}

function Preview({ change, keys, run, onCancel }) {
  const isDeletion = change.id === "delete";
  const [text, setText] = useState("");
  const needed = `delete ${keys.length}`;
  const isConfirmed = !isDeletion || text === needed;
  const changing = isDeletion ? keys.length : run.plan.changing;

  const submit = (event) => {
    event.preventDefault();
    if (isConfirmed && changing > 0) run.apply();
  };
  return html`
    <form onSubmit=${submit}>
      <${ChangePreview} preview=${run.plan} isDeletion=${isDeletion} keys=${keys} />
      ${isDeletion ? html`<${Field} label=${`Type "${needed}" to confirm`} data-autofocus value=${text}
        onInput=${setText}
        />` : null}
      <div class="actions end">
        <${Button} onClick=${onCancel}>Cancel<//>
        <${Button} type="submit" kind=${isDeletion ? "danger" : "primary"} disabled=${!isConfirmed || changing === 0}>
          ${change.verb} ${counted(changing, "key")}
        <//>
      </div>
    </form>`;
}

function Progress({ progress, onCancel }) {
  if (!progress) return html`<${Loading} label="Changing the keys" />`;
  const { done, total } = progress;
  return html`
    <div class="progress">
      <label>Done: ${count(done)} of ${count(total)} <progress value=${done} max=${total}></progress></label>
      <${Button} onClick=${onCancel}>Stop<//>
      <p class="hint">Keys that were changed before you stop stay changed.</p>
    </div>`;
}

function resultText(change, { changed, failed, remaining }) {
  const kind = failed.length > 0 || remaining > 0 ? "warning" : "success";
  const parts = [
    failed.length > 0 && `${count(failed.length)} failed.`,
    remaining > 0 && `${count(remaining)} were not reached.`,
  ];
  const title = `${counted(changed, "key")} ${change.done}`;
  return { kind, title, text: parts.filter(Boolean).join(" ") };
}
