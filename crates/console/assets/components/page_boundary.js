// Errors in the code of a page: they end the page, not the console.

import { html, useEffect, useErrorBoundary } from "../app/html.js";
import { Button } from "./button.js";
import { Notice } from "./notice.js";
import { Page } from "./page.js";

const MAX_DETAIL_CHARACTERS = 500;

/** Shows its children, or a problem if one of them throws an error. Another `object` of the page is tried anew. */
export function PageBoundary({ title, object, children }) {
  // The stack is for bug reports. It names no data of the API.
  const [error, reset] = useErrorBoundary((cause) => console.error(cause));
  useEffect(() => {
    if (error) reset();
  }, [object]);
  if (!error) return children;

  const actions = html`<${Button} onClick=${reset}>Show the page again<//>`;
  return html`
    <${Page} title=${title}>
      <${Notice} kind="problem" title="This page has failed" actions=${actions}>
        <p>This is a bug in the console. Other pages still work. The browser's console has the details.</p>
        <p><code>${String(error).slice(0, MAX_DETAIL_CHARACTERS)}</code></p>
      <//>
    <//>`;
}
