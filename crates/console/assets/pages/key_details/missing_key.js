// The page of a key that does not exist, or was deleted.

import { html, useState } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Notice } from "../../components/notice.js";
import { Page } from "../../components/page.js";
import { Loading } from "../../components/states.js";
import { Time } from "../../components/time.js";
import { useReport } from "./loading.js";
import { UsageChart } from "./usage_chart.js";

/** Shows when the key was deleted, with its usage, or that there is no such key. */
export function MissingKey({ id }) {
  const [days, setDays] = useState(30);
  const report = useReport(id, days);
  const list = html`<a href=${href(["keys"])}>All keys</a>`;
  const isUnknown = report.error?.status === 404;
  return html`
    <${Page} title=${id} intro=${list}>
      ${isUnknown
        ? html`<${Notice} kind="problem" title="There is no key with this id">It may have been deleted long ago.<//>`
        : null}
      ${report.data
        ? html`
          <${Notice} kind="warning" title="This key was deleted">
            ${report.data.deleted_at ? html`It was deleted on <${Time} value=${report.data.deleted_at} />. ` : ""}
            Its usage is kept for 400 days.
          <//>`
        : null}
      ${!report.data && !report.error ? html`<${Loading} label="Looking for its usage" isSlow=${report.isSlow}
        />` : null}
      ${isUnknown || !report.data ? null : html`<${UsageChart} report=${report} days=${days} onDays=${setDays} />`}
    <//>`;
}
