// Measures the web console in a browser, and prints its figures as one JSON object.

import { launchBrowser } from "../console/browser.mjs";
import { startGateway } from "../console/gateway.mjs";

const KEYS = 10_000;
const TIMEOUT_MS = 120_000;
const SCROLL_STEPS = 60;
const SEARCH = "customer 0777";
const VIEWPORT = { width: 1280, height: 800 };

const gateway = await startGateway({ seeds: { plans: { many: {} }, keys: [] } });
const browser = await launchBrowser({ args: ["--js-flags=--expose-gc"] });
try {
  await gateway.importKeys(KEYS, "many");
  const first = await inNewContext(measureFirstPage);
  const keys = await inNewContext(measureKeys);
  console.log(JSON.stringify({ ...first, ...keys }));
} finally {
  await browser.close();
  await gateway.stop();
}

/** Runs a measurement in a page without a cache. */
async function inNewContext(measure) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    return await measure(page);
  } finally {
    await context.close();
  }
}

async function measureFirstPage(page) {
  const sizes = [];
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  network.on("Network.loadingFinished", ({ encodedDataLength }) => sizes.push(encodedDataLength));

  const start = performance.now();
  await page.goto(`${gateway.consoleUrl}/#/`);
  await page.locator("main h1").first().waitFor();
  await page.locator("main").getByText("Requests").first().waitFor();
  const overviewMs = performance.now() - start;

  await page.waitForLoadState("networkidle");
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { overviewMs, requests: sizes.length, transferredKb: bytes / 1000 };
}

async function measureKeys(page) {
  const start = performance.now();
  await page.goto(`${gateway.consoleUrl}/#/keys?sort=name`);
  await page.locator(".virtual-body [data-index]").first().waitFor();
  const firstKeysMs = performance.now() - start;
  await page.getByText("10,000 keys.").waitFor();
  const allKeysMs = performance.now() - start;

  const scrollMs = await page.locator(".virtual-list").evaluate(scroll, SCROLL_STEPS);
  const heapMb = await page.evaluate(() => {
    globalThis.gc();
    return performance.memory.usedJSHeapSize / 1e6;
  });
  return { firstKeysMs, allKeysMs, scrollMs, heapMb, searchMs: await measureSearch(page) };
}

/** Runs in the page: scrolls by steps, and returns the 90th percentile of the time of a step. */
async function scroll(element, steps) {
  const durations = [];
  for (let step = 0; step < steps; step += 1) {
    const start = performance.now();
    element.scrollTop += 700;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    durations.push(performance.now() - start);
  }
  return durations.toSorted((left, right) => left - right)[Math.floor(0.9 * steps)];
}

async function measureSearch(page) {
  const search = page.getByRole("searchbox", { name: "Search" });
  await search.fill(SEARCH.slice(0, -1));
  await page.getByText(/1\d\d of 10,000 keys\./).waitFor();

  await search.focus();
  const start = performance.now();
  await page.keyboard.type(SEARCH.slice(-1));
  await page.getByText("11 of 10,000 keys.").waitFor();
  return performance.now() - start;
}
