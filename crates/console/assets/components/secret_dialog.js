// The secret of a new or rotated key, which is shown once.

import { html, useEffect, useState } from "../app/html.js";
import { apiUrl, callWithKey } from "../app/example_call.js";
import { hasSessionEnded, onSessionEnd } from "../app/session.js";
import { Button } from "./button.js";
import { CopyButton } from "./copy_button.js";
import { Dialog } from "./dialog.js";
import { Checkbox } from "./field.js";
import { Notice } from "./notice.js";

/** Shows a secret until the operator confirms that it was stored, or until the session ends. */
export function SecretDialog({ title, secret, target, onClose, children }) {
  const [isStored, setStored] = useState(false);
  const [isOver, setOver] = useState(hasSessionEnded());
  useEffect(() => onSessionEnd(() => setOver(true)), []);
  return isOver
    ? html`<${Hidden} title=${title} onClose=${onClose} />`
    : html`<${Shown} title=${title} secret=${secret} target=${target} isStored=${isStored} onStored=${setStored}
      onClose=${onClose}>${children}<//>`;
}

/** Replaces the secret on a screen that may be unattended. */
function Hidden({ title, onClose }) {
  return html`
    <${Dialog} title=${title} onClose=${onClose}>
      <${Notice} kind="warning" title="The secret is hidden, because the session has ended">
        If it was not stored, rotate the key to get a new secret.
      <//>
    <//>`;
}

function Shown({ title, secret, target, isStored, onStored, onClose, children }) {
  useUnloadWarning(!isStored);
  const call = callWithKey(target, secret);

  const submit = (event) => {
    event.preventDefault();
    if (isStored) onClose();
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} isLocked=${!isStored}>
      <form onSubmit=${submit}>
        ${children}
        <${Notice} kind="warning" title="The secret is shown only once">
          Copy it now and store it in a safe place. Tollgate keeps only a hash, so it cannot be shown again.
        <//>
        <div class="secret">
          <h3>Secret</h3>
          <code data-secret>${secret}</code>
          <${CopyButton} text=${secret} label="Copy the secret" />
        </div>
        <div class="secret">
          <h3>Try it</h3>
          <pre>${call}</pre>
          <${CopyButton} text=${call} label="Copy the command" />
          ${apiUrl(target) ? null : html`<p class="hint">Replace the address with that of your API.</p>`}
        </div>
        <${Checkbox} label="I have stored the secret" checked=${isStored} onChange=${onStored} />
        <div class="actions end">
          <${Button} type="submit" kind="primary" disabled=${!isStored}
            title=${isStored ? undefined : "Confirm first that you have stored the secret."}>Done<//>
        </div>
      </form>
    <//>`;
}

/** Asks before the page is closed or reloaded. */
function useUnloadWarning(isNeeded) {
  useEffect(() => {
    if (!isNeeded) return undefined;
    const warn = (event) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isNeeded]);
}
