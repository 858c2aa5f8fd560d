// The page Overview: how much is called, what is refused and why. Below it, the list of all recent refusals.

import { consoleApi, withQuery } from "../app/api.js";
import { html, useState } from "../app/html.js";
import { useResource } from "../app/resource.js";
import { navigate } from "../app/router.js";
import { Button } from "../components/button.js";
import { Page, Section } from "../components/page.js";
import { Missing, Resource } from "../components/states.js";
import { Time } from "../components/time.js";
import { AllRefusals } from "./overview/all_refusals.js";
import { Breakers } from "./overview/breakers.js";
import { Charts } from "./overview/charts.js";
import { Decisions } from "./overview/decisions.js";
import { isUnknown, knownFigures, RANGES, rangeOf } from "./overview/figures.js";
import { FirstUse } from "./overview/first_use.js";
import { NewestRefusals } from "./overview/newest_refusals.js";
import { PauseButton } from "./overview/pause_button.js";
import { OverviewSkeleton } from "./overview/skeleton.js";
import { Tiles } from "./overview/tiles.js";

/** The address of the list of all refusals below the page. */
const REFUSALS = "refusals";
const LOCAL_POLL_MS = 1_000;

/** Shows the page. */
export function Overview({ target, route, object }) {
  if (object === REFUSALS) return html`<${AllRefusals} target=${target} route=${route} />`;
  return html`<${Figures} target=${target} route=${route} />`;
}

function Figures({ target, route }) {
  const isLive = target.overview !== "cloudwatch";
  const range = rangeOf(isLive ? undefined : route.parameters.get("range"));
  const [isPaused, setIsPaused] = useState(false);
  const pollMs = isPaused ? undefined : isLive ? LOCAL_POLL_MS : range.pollMs;
  const overview = useResource(
    `overview ${range.name}`,
    async (signal) => {
      const { data } = await consoleApi.get(withQuery("/overview", { range: range.name }), { signal });
      return knownFigures(data);
    },
    { pollMs },
  );

  const actions = html`
    ${isLive ? null : html`<${RangeChoice} range=${range} />`}
    <${PauseButton} isPaused=${isPaused} onChange=${setIsPaused} />`;
  return html`
    <${Page} title="Overview" intro=${html`<${Intro} range=${range} overview=${overview} />`} actions=${actions}>
      <${Resource} resource=${overview} label="Loading the figures" skeleton=${html`<${OverviewSkeleton} />`}>
        ${(data) => html`
          <${Content} overview=${data} range=${range} target=${target} isCurrent=${!overview.error} />`}
      <//>
      <${NewestRefusals} target=${target} isPaused=${isPaused} />
    <//>`;
}

function Intro({ range, overview: { data, error } }) {
  return html`
    The last ${range.title}.
    ${data ? html` <span class="updated">Updated <${Time} value=${data.updated_at} /></span>` : null}
    ${data && error ? html` <span class="badge warning">not current</span>` : null}`;
}

/** Shows the choice of a time range, for figures of CloudWatch. */
function RangeChoice({ range }) {
  return html`
    <div class="choice" role="group" aria-label="Time range">
      ${RANGES.map(({ name, title }) => html`
        <${Button} key=${name} aria-pressed=${name === range.name}
          onClick=${() => navigate(["overview"], { range: name }, { replace: true })}>${title}<//>`)}
    </div>`;
}

function Content({ overview, range, target, isCurrent }) {
  const hasBreakers = isCurrent && !isUnknown(overview, "breakers");
  return html`
    <${Missing} items=${overview.missing} />
    <${Breakers} breakers=${overview.breakers} isKnown=${hasBreakers} />
    ${overview.totals.requests === 0 ? html`<${FirstUse} target=${target} range=${range} />` : null}
    <${Tiles} overview=${overview} range=${range} />
    <${Charts} overview=${overview} />
    <${Section} title="Decisions by plan">
      <${Decisions} decisions=${overview.decisions} isKnown=${!isUnknown(overview, "decisions")} />
    <//>`;
}
