// The frame of every page: the navigation, the target, and what concerns all pages.

import { html, useEffect, useRef } from "../app/html.js";
import { pageOf } from "../app/pages.js";
import { href, useRoute } from "../app/router.js";
import { ConnectionNotice } from "./connection_notice.js";
import { Header } from "./header.js";
import { Navigation } from "./navigation.js";
import { Page } from "./page.js";
import { PageBoundary } from "./page_boundary.js";
import { SessionNotice } from "./session_notice.js";
import { UnsavedChangesDialog } from "./unsaved_changes_dialog.js";

/** Shows the navigation and the page of the address. */
export function Shell({ target }) {
  const route = useRoute();
  const page = pageOf(route);
  const main = useRef(null);
  const isFirst = useRef(true);

  useEffect(() => {
    document.title = `${page?.title ?? "Not found"} · Tollgate console`;
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    // A screen reader starts at the new page, not at the link that opened it.
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [page?.segment, page?.object]);

  const skip = (event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`
    <${Header} target=${target}>
      <a class="skip" href=${href(route.segments)} onClick=${skip}>Skip to the content</a>
    <//>
    <${Navigation} segment=${page?.segment} target=${target} />
    <main class="shell-main" tabindex="-1" ref=${main}>
      <div class="shell-alerts">
        <${ConnectionNotice} />
        <${SessionNotice} />
      </div>
      ${page ? html`
        <${PageBoundary} key=${keyOf(page)} title=${page.title} object=${page.object}>
          <${page.component} target=${target} route=${route} object=${page.object} />
        <//>` : html`<${UnknownPage} />`}
    </main>
    <${UnsavedChangesDialog} />`;
}

/** Returns what identifies the component of a page. */
function keyOf({ segment, object, keepsState }) {
  return keepsState ? segment : `${segment}/${object ?? ""}`;
}

function UnknownPage() {
  return html`
    <${Page} title="Page not found" intro="The address in the browser is not one of the console.">
      <p><a class="button" href=${href(["overview"])}>Open the overview</a></p>
    <//>`;
}
