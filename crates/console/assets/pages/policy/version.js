// One version of a policy: its editor, or the conflict with another change.

import { html } from "../../app/html.js";
import { Conflict } from "../../components/conflict.js";
import { ProblemNotice } from "../../components/problem.js";
import { SaveBar } from "../../components/save_bar.js";
import { usePolicyCheck, Workbench } from "./workbench.js";

/**
 * Shows a version of a policy.
 *
 * @param {{what: string, label: string, document: object, path: string, saveLabel: string, onSave?: () => void,
 *   otherText?: string, children?: unknown, below?: unknown}} properties `what` names it in a conflict, `document` is a
 *   value of `useDocument`, `onSave` replaces saving at once, `otherText` is a version whose decisions are compared,
 *   `children` are buttons, `below` is shown below them
 */
export function Version({ what, label, document, path, saveLabel, onSave, otherText, children, below }) {
  const check = usePolicyCheck(document.text);
  const { conflict } = document;
  if (conflict) {
    return html`
      <${Conflict} what=${what} mine=${document.text} theirs=${conflict.theirs} onKeep=${conflict.keep.run}
        isBusy=${conflict.keep.isRunning} onTake=${conflict.take} onEdit=${conflict.edit} />
      ${conflict.keep.error ? html`<${ProblemNotice} error=${conflict.keep.error} />` : null}`;
  }
  return html`
    <${Workbench} label=${label} text=${document.text} onInput=${document.setText} check=${check}
      otherText=${otherText}>
      <${SaveBar} document=${document} path=${path} check=${check} label=${saveLabel}
        onSave=${onSave}>${children}<//>
      ${below}
    <//>`;
}
