// The editor of a policy with the tester and the token explainer, which use the text in the editor.

import { allItems } from "../../app/api.js";
import { html, useRef, useState } from "../../app/html.js";
import { useResource } from "../../app/resource.js";
import { Editor, useCheck } from "../../components/editor.js";
import { Tester } from "./tester.js";
import { TokenExplainer } from "./token.js";

const MAX_PLANS = 500;

/** The requests to begin with. They stay the same when the operator opens another policy. */
let lastLines = "GET /\nGET /orders/1\nPOST /orders";

/** Checks a policy while it is typed. Plans that do not exist are warned of, if the plans can be read. */
export function usePolicyCheck(text) {
  const plans = useResource("plan names", async (signal) => {
    const items = await allItems("/plans", { most: MAX_PLANS, signal });
    return items.length < MAX_PLANS ? items.map(({ name }) => name) : undefined;
  });
  return useCheck("/policies/check", text, plans.data ? { plans: plans.data } : {});
}

/**
 * Shows the editor, the tester and the explainer.
 *
 * @param {{label: string, text: string, onInput: (text: string) => void, check: object, hint?: string,
 *   otherText?: string, children?: unknown}} properties `otherText` is a policy whose decisions are compared,
 *   `children` are shown below the editor
 */
export function Workbench({ label, text, onInput, check, hint, otherText, children }) {
  const editor = useRef(null);
  const [lines, setLines] = useState(lastLines);
  const changeLines = (changed) => {
    lastLines = changed;
    setLines(changed);
  };
  return html`
    <div class="policy-workbench">
      <div>
        <${Editor} label=${label} value=${text} onInput=${onInput} check=${check} rows=${20} hint=${hint}
          handle=${editor} />
        ${children}
      </div>
      <div class="policy-tools">
        <${Tester} text=${text} otherText=${otherText} check=${check} lines=${lines} onLines=${changeLines}
          onSelect=${(pointer) => editor.current.select(pointer)} />
        <${TokenExplainer} text=${text} check=${check} lines=${lines} />
      </div>
    </div>`;
}
