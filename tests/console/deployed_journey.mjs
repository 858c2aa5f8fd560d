// Tells the story of journey.mjs to a console of a deployed API, which runs already.
//
//     node tests/console/deployed_journey.mjs --open ADDRESS_OR_FILE --api URL [--header x-api-key] [--throttled 429]
//
// The address is that of the one-time code, or the file with it. Exits with 1 and the reason if a step fails.

import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

import { launchBrowser } from "./browser.mjs";
import { tellStory } from "./journey.mjs";
import { Monitor } from "./monitor.mjs";

const PAGE_TIMEOUT_MS = 60_000;
/** The emulator starts functions for the first time. */
const PATIENCE_MS = 60_000;
const CALL_TIMEOUT_MS = 60_000;

const { values } = parseArgs({
  options: {
    open: { type: "string" },
    api: { type: "string" },
    header: { type: "string", default: "x-api-key" },
    throttled: { type: "string", default: "429" },
  },
});
if (!values.open || !values.api) {
  console.error("usage: node tests/console/deployed_journey.mjs --open ADDRESS_OR_FILE --api URL [--header NAME] [--throttled STATUS]");
  process.exit(2);
}

async function call(secret) {
  const response = await fetch(`${values.api.replace(/\/$/, "")}/orders`, {
    headers: { [values.header]: secret },
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  });
  await response.arrayBuffer();
  return response.status;
}

const address = values.open.startsWith("http") ? values.open : pathToFileURL(values.open).href;
const browser = await launchBrowser();
try {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  await page.goto(address);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  const monitor = new Monitor(new URL(page.url()).origin);
  await monitor.observe(context);
  const throttledStatus = Number(values.throttled);
  await tellStory(page, { call, name: `story-${Date.now()}`, isLive: false, patienceMs: PATIENCE_MS, throttledStatus });
  const problems = monitor.problems();
  if (problems.length > 0) throw new Error(problems.join("\n"));
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
}
