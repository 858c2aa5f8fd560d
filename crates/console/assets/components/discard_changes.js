// Dialogs with a form: closing them does not lose what was entered.

import { html, useState } from "../app/html.js";
import { Button } from "./button.js";
import { Notice } from "./notice.js";

/**
 * Returns how to close a form: `close` calls `onClose`, or asks first if something was changed. `question` is what to
 * show in the form.
 */
export function useDiscardQuestion(isChanged, onClose) {
  const [isAsking, setAsking] = useState(false);
  const close = () => (isChanged && !isAsking ? setAsking(true) : onClose());
  const actions = html`
    <${Button} kind="danger" onClick=${onClose}>Discard changes<//>
    <${Button} onClick=${() => setAsking(false)}>Keep editing<//>`;
  const question = isAsking && isChanged
    ? html`<${Notice} kind="warning" title="Discard changes?" actions=${actions}>They are not saved.<//>`
    : null;
  return { close, question };
}
