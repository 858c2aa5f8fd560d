// The choice of the colour scheme.

import { chooseScheme, chosenScheme, SCHEMES } from "../app/color_scheme.js";
import { html, useState } from "../app/html.js";

const LABEL = { auto: "Auto", light: "Light", dark: "Dark" };

/** Shows the choice between the system's colour scheme, light and dark. It lasts until the tab is closed. */
export function SchemeSwitch() {
  const [scheme, setScheme] = useState(chosenScheme);
  const choose = (event) => {
    chooseScheme(event.currentTarget.value);
    setScheme(event.currentTarget.value);
  };
  return html`
    <label class="scheme-switch">
      <span class="visually-hidden">Colour scheme</span>
      <span aria-hidden="true">◐ <span class="scheme-text">Colours</span></span>
      <select value=${scheme} onChange=${choose} title="Colour scheme">
        ${SCHEMES.map((value) => html`
          <option key=${value} value=${value} selected=${value === scheme}>${LABEL[value]}</option>`)}
      </select>
    </label>`;
}
