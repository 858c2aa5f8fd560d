// The frame of every page: the navigation and the name of the target.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { PAGES, pageOf } from "../app/pages.js";
import { href, useRoute } from "../app/router.js";
import { onSessionEnd } from "../app/session.js";
import { Notice } from "./notice.js";

/** Shows the navigation and the page of the address. */
export function Shell({ target }) {
  const route = useRoute();
  const page = pageOf(route);
  const main = useRef(null);
  const isFirst = useRef(true);

  useEffect(() => {
    document.title = `${page?.title ?? "Not found"} · Tollgate console`;
    // A reader of the screen starts at the new page, not at the link that opened it.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
  }, [page?.segment, page?.object]);

  return html`
    <a class="skip" href=${href(route.segments)} onClick=${(event) => { event.preventDefault(); main.current?.focus(); }}>
      Skip to the content
    </a>
    <header class="shell-header">
      <a class="brand" href=${href([PAGES[0].segment])}><img src="icon.svg" alt="" width="24" height="24" /> Tollgate</a>
      <span class="target" title=${target.label}>${target.label}</span>
      ${target.may_write ? null : html`<span class="badge">read only</span>`}
    </header>
    <nav class="shell-nav" aria-label="Pages">
      <ul>
        ${PAGES.map(({ segment, title }) => html`
          <li key=${segment}>
            <a href=${href([segment])} aria-current=${segment === page?.segment ? "page" : undefined}>${title}</a>
          </li>`)}
      </ul>
    </nav>
    <main class="shell-main" tabindex="-1" ref=${main}>
      <${SessionNotice} />
      ${page
        ? html`<${page.component} key=${`${page.segment}/${page.object ?? ""}`} target=${target} route=${route} object=${page.object} />`
        : html`<${Notice} kind="problem" title="This page does not exist">Choose a page in the navigation.<//>`}
    </main>`;
}

function SessionNotice() {
  const [hasEnded, setHasEnded] = useState(false);
  useEffect(() => onSessionEnd(() => setHasEnded(true)), []);
  if (!hasEnded) return null;
  return html`
    <${Notice} kind="problem" title="The session has ended">
      Open the console again: press Enter in the terminal of <code>tollgate console</code>, or start it again.
    <//>`;
}
