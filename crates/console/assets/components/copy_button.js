// A button that copies a text.

import { html, useState } from "../app/html.js";
import { Button } from "./button.js";

/** Shows a button that copies `text`, and says whether it did. */
export function CopyButton({ text, label = "Copy" }) {
  const [status, setStatus] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setStatus("Copied");
    } catch {
      setStatus("Not copied: select the text and copy it");
    }
  };
  return html`
    <span class="copy">
      <${Button} onClick=${copy}>${label}<//>
      <span class="hint" role="status">${status}</span>
    </span>`;
}
