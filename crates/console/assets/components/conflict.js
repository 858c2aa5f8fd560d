// A change that met another one: both versions, and what to do.

import { html, useEffect, useRef } from "../app/html.js";
import { Button } from "./button.js";
import { Comparison } from "./comparison.js";
import { Notice } from "./notice.js";

/**
 * Shows both versions after a response with status 412.
 *
 * @param {{what: string, mine: string, theirs?: string, onKeep: () => void, onTake: () => void,
 *   onEdit: () => void, isBusy?: boolean}} properties `what` is such as `The plan free`. `mine` and `theirs` are
 *   texts; without `theirs`, the object was deleted. `onKeep` saves mine in place of theirs. `onEdit` goes back
 *   to the editor with mine, so that the next save replaces theirs.
 */
export function Conflict({ what, mine, theirs, onKeep, onTake, onEdit, isBusy = false }) {
  const heading = useRef(null);
  useEffect(() => heading.current?.focus(), []);
  const isDeleted = theirs === undefined;
  const keep = isDeleted ? "Create it again" : "Keep mine: replace the stored version";
  const take = isDeleted ? "Discard my change" : "Take theirs: discard my change";

  return html`
    <section class="conflict" aria-label="Conflicting changes">
      <h2 tabindex="-1" ref=${heading}>${what} ${isDeleted ? "no longer exists" : "has changed in the meantime"}</h2>
      <${Notice} kind="warning" title="Your change is not saved">
        ${isDeleted
          ? "It was deleted since you opened it, or a local gateway was restarted: its embedded store starts empty."
          : "Another program or person has saved another version since you opened it. Compare both, then decide."}
      <//>
      ${isDeleted ? null : html`
        <${Comparison} caption="Your version and the stored version" left=${mine} right=${theirs}
          leftTitle="Your version" rightTitle="Stored version" />`}
      <div class="actions conflict-actions">
        <${Button} kind="primary" onClick=${onKeep} isBusy=${isBusy}>${keep}<//>
        <${Button} onClick=${onTake} disabled=${isBusy}>${take}<//>
        <${Button} onClick=${onEdit} disabled=${isBusy}>Edit my version<//>
      </div>
    </section>`;
}
