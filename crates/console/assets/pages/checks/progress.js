// The progress of a run.

import { count, milliseconds } from "../../app/format.js";
import { html } from "../../app/html.js";
import { Button } from "../../components/button.js";

/** Shows how many checks are made, and the button that ends the run. */
export function Progress({ status, cancel }) {
  const { finished = 0, total, elapsed_ms: elapsedMs } = status;
  const text = cancel.isRunning
    ? "Ending the run: its temporary plan and key, if any, are deleted …"
    : `${count(finished)} of ${count(total)} checks made, ${milliseconds(elapsedMs)}`;
  return html`
    <div class="card checks-progress">
      <label>
        <span>${text}</span>
        <progress value=${finished} max=${total ?? 1}></progress>
      </label>
      <${Button} onClick=${cancel.run} isBusy=${cancel.isRunning}>Cancel<//>
    </div>`;
}
