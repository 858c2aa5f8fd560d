// Ten thousand keys: the list appears soon, uses little memory, and keeps few rows in the document.

import assert from "node:assert/strict";

import { consoleTests, eventually } from "./harness.mjs";

const KEYS = 10_000;
/** The time to the first row. A machine with two cores needs about a second. A busy one may need far longer. */
const MAX_FIRST_ROW_MS = 60_000;
const MAX_HEAP_BYTES = 150_000_000;
/** The most elements in the document, of a list that has ten thousand rows. */
const MAX_ELEMENTS = 2_500;

const test = consoleTests({
  setUp: async (gateway) => {
    await gateway.plan("many", { throttle: { rate: 10, burst: 10 } });
    await gateway.importKeys(KEYS, "many");
  },
});

test("ten thousand keys are listed, found and scrolled through", async ({ page, open, diagnostic }) => {
  const started = performance.now();
  await open("keys");
  const rows = page.locator("main [role=row]");
  await eventually(() => rows.count(), (count) => count > 1);
  const firstRowMs = Math.round(performance.now() - started);
  assert.ok(firstRowMs < MAX_FIRST_ROW_MS, `the first row took ${firstRowMs} ms`);

  const table = page.locator("main [role=table]");
  const all = KEYS + 2; // with the two built-in keys
  await eventually(() => table.getAttribute("aria-rowcount"), (count) => Number(count) === all + 1, 60_000);
  assert.ok(await elements(page) < MAX_ELEMENTS, `${await elements(page)} elements`);

  await scrollThrough(page);
  assert.ok(await elements(page) < MAX_ELEMENTS, "after scrolling");
  const heap = await heapBytes(page);
  assert.ok(heap < MAX_HEAP_BYTES, `${heap} bytes`);
  diagnostic(`first row after ${firstRowMs} ms, ${Math.round(heap / 1_000_000)} MB, ${await elements(page)} elements`);

  await page.getByRole("searchbox").or(page.getByLabel(/^search/i)).first().fill("Customer 09999");
  await eventually(() => table.getAttribute("aria-rowcount"), (count) => Number(count) === 2);
  await page.getByText("Customer 09999").first().waitFor();
});

/** Scrolls to the end in steps of half a box. Each step shows rows. */
async function scrollThrough(page) {
  const box = page.locator("main .virtual-list");
  const steps = 40;
  for (let step = 1; step <= steps; step += 1) {
    await box.evaluate((element, share) => {
      element.scrollTop = (element.scrollHeight - element.clientHeight) * share;
    }, step / steps);
    await eventually(() => box.evaluate(hasRowInTheMiddle));
  }
}

/** Runs in the page: true if a row is drawn in the middle of the box. */
function hasRowInTheMiddle(box) {
  const { left, top, width, height } = box.getBoundingClientRect();
  const middle = document.elementFromPoint(left + width / 3, Math.min(top + height / 2, innerHeight - 5));
  return middle?.closest("[role=row]") !== null;
}

function elements(page) {
  return page.evaluate(() => document.querySelectorAll("*").length);
}

async function heapBytes(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
