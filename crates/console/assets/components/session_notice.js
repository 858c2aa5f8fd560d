// The end of the session of `tollgate console`.

import { html, useEffect, useState } from "../app/html.js";
import { hasSessionEnded, onSessionEnd } from "../app/session.js";
import { Notice } from "./notice.js";

/** Says how to go on, once the session has ended. */
export function SessionNotice() {
  const [hasEnded, setHasEnded] = useState(hasSessionEnded);
  useEffect(() => onSessionEnd(() => setHasEnded(true)), []);
  if (!hasEnded) return null;
  return html`
    <${Notice} kind="problem" title="The session has ended">
      <p>The figures on this page are no longer updated. Open the console again: press Enter in the terminal of${" "}
        <code>tollgate console</code>, or start it again. Then close this tab.</p>
    <//>`;
}
