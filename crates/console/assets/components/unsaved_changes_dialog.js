// The question before changes are lost.

import { html, useEffect, useState } from "../app/html.js";
import { open, setGuard } from "../app/router.js";
import { discardChanges, unsavedChanges } from "../app/unsaved.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";

/** Asks before the operator leaves a page with unsaved changes: see `useUnsavedChanges`. */
export function UnsavedChangesDialog() {
  const [question, setQuestion] = useState();
  useEffect(() => {
    setGuard((address) => {
      const description = unsavedChanges();
      if (description !== undefined) setQuestion({ address, description });
      return description === undefined;
    });
    return () => setGuard(() => true);
  }, []);
  if (!question) return null;

  const close = () => setQuestion(undefined);
  const discard = () => {
    close();
    discardChanges();
    open(question.address);
  };
  return html`
    <${Dialog} title="Discard changes?" onClose=${close}>
      <p>${question.description}</p>
      <div class="actions end">
        <${Button} onClick=${close}>Keep editing<//>
        <${Button} kind="danger" onClick=${discard}>Discard changes<//>
      </div>
    <//>`;
}
