// The form and the JSON of a plan, in sync.

import { html, useRef } from "../../app/html.js";
import { formatJson, parseJson } from "../../app/json_text.js";
import { Editor } from "../../components/editor.js";
import { isForForm } from "./fields.js";
import { PlanForm } from "./form.js";

/**
 * Shows a plan as a form and as JSON. The JSON is what is saved. The form shows it, and changes it.
 *
 * @param {{text: string, onInput: (text: string) => void, check: object, children?: unknown}} properties `children`
 *   are shown below the JSON
 */
export function PlanEditor({ text, onInput, check, children }) {
  // While the JSON is not valid, the form shows the last plan that it can show.
  const last = useRef({});
  const parsed = parseJson(text);
  const isShown = isForForm(parsed);
  if (isShown) last.current = parsed;

  return html`
    <div class="plan-editor">
      <div>
        ${isShown ? null : html`<p class="hint" role="status">Correct the JSON to use the form.</p>`}
        <${PlanForm} plan=${last.current} check=${check} isDisabled=${!isShown}
          onChange=${(plan) => onInput(formatJson(plan))} />
      </div>
      <div>
        <${Editor} label="JSON" value=${text} onInput=${onInput} check=${check} rows=${16} />
        ${children}
      </div>
    </div>`;
}
