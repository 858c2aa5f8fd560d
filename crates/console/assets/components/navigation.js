// The list of pages. On narrow screens, a button opens it.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { PAGES } from "../app/pages.js";
import { href, useRoute } from "../app/router.js";
import { TargetMore } from "./header.js";

/** Shows links to all pages. `segment` is that of the current one. `target` is what the console is about. */
export function Navigation({ segment, target }) {
  const [isOpen, setIsOpen] = useState(false);
  const button = useRef(null);
  const route = useRoute();
  useEffect(() => setIsOpen(false), [route]);

  const title = PAGES.find((page) => page.segment === segment)?.title ?? "Pages";
  const close = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    setIsOpen(false);
    button.current?.focus();
  };
  return html`
    <nav class=${`shell-nav ${isOpen ? "open" : ""}`} aria-label="Pages" onKeyDown=${close}>
      <button type="button" class="menu-button" ref=${button} aria-controls="pages"
        aria-expanded=${isOpen ? "true" : "false"} onClick=${() => setIsOpen(!isOpen)}>
        <span class="menu-icon" aria-hidden="true"></span>
        <span class="visually-hidden">${isOpen ? "Close" : "Open"} the list of pages, current page: </span>${title}
      </button>
      <ul id="pages">
        ${PAGES.map((page) => html`
          <li key=${page.segment}>
            <a href=${href([page.segment])} aria-current=${page.segment === segment ? "page" : undefined}
              onClick=${() => setIsOpen(false)}>${page.title}</a>
          </li>`)}
        <li class="menu-target">
          <span class="target-label">${target.label}</span>
          <${TargetMore} region=${target.region} identity=${target.identity} />
        </li>
      </ul>
    </nav>`;
}
