// Gives a key a new secret.

import { admin, segments } from "../../app/api.js";
import { html, useRef, useState } from "../../app/html.js";
import { idempotencyKeys } from "../../app/idempotency.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Field } from "../../components/field.js";
import { ProblemNotice } from "../../components/problem.js";
import { SecretDialog } from "../../components/secret_dialog.js";
import { Time } from "../../components/time.js";

const GRACES = [
  { seconds: 0, label: "No time: revoke all earlier secrets at once" },
  { seconds: 3_600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 604_800, label: "7 days" },
  { seconds: 2_592_000, label: "30 days" },
  { seconds: 7_776_000, label: "90 days" },
];
const DEFAULT_GRACE_S = 86_400;
const NO_GRACE = "Clients that do not have the new secret are refused with 401.";
const GRACE = "Clients can change to the new secret in this time.";

/** Asks how long the earlier secret still works, then shows the new one. */
export function RotateKey({ target, keyed, onChanged, onClose }) {
  const [graceS, setGraceS] = useState(DEFAULT_GRACE_S);
  const [rotated, setRotated] = useState();
  const headers = useRef(idempotencyKeys());
  const action = useAction(async () => {
    const body = { grace_s: graceS };
    const { data } = await admin.post(`${segments("keys", keyed.key_id)}/rotate`, body, {
      headers: headers.current(body),
    });
    setRotated({ secret: data.key, ends: data.earlier_secrets_end_at?.at(-1) });
  });

  if (rotated) {
    const until = rotated.ends
      ? html`The earlier secret works until <${Time} value=${rotated.ends} />.`
      : "Earlier secrets are revoked.";
    const done = () => onChanged({ title: "The key has a new secret", text: until });
    return html`
      <${SecretDialog} title="The key has a new secret" secret=${rotated.secret} target=${target} onClose=${done}>
        <p>${until}</p>
      <//>`;
  }
  const submit = (event) => {
    event.preventDefault();
    action.run();
  };
  return html`
    <${Dialog} title="Rotate the key" onClose=${onClose} isLocked=${action.isRunning}>
      <form onSubmit=${submit}>
        <p>The key gets a new secret. Its id, its usage and its limits stay the same.</p>
        <${Field} label="Time for which the earlier secret still works" as="select" value=${String(graceS)}
          hint=${graceS === 0 ? NO_GRACE : GRACE}
          onInput=${(value) => setGraceS(Number(value))}>
          ${GRACES.map(({ seconds, label }) => html`<option key=${seconds} value=${String(seconds)}>${label}</option>`)}
        <//>
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind=${graceS === 0 ? "danger" : "primary"} isBusy=${action.isRunning}>Rotate<//>
        </div>
      </form>
    <//>`;
}
