// A button that stops the updates of a page, for readers who need more time.

import { html } from "../../app/html.js";
import { Button } from "../../components/button.js";

/** Shows the button that stops and continues the updates. */
export function PauseButton({ isPaused, onChange }) {
  return html`<${Button} onClick=${() => onChange(!isPaused)}>${isPaused ? "Resume updates" : "Pause updates"}<//>`;
}
