// The page Keys with 10,000 keys.

import assert from "node:assert/strict";

import { consoleTests, eventually } from "./harness.mjs";

const COUNT = 10_000;
const test = consoleTests({
  seeds: { plans: { many: {} }, keys: [] },
  setUp: (gateway) => gateway.importKeys(COUNT, "many"),
});

/** Opens the list and waits until all keys are loaded. */
async function openAll({ page, open }, query = "") {
  await open(`keys${query}`);
  await page.getByText(/10,000 keys\./).waitFor({ timeout: 60_000 });
}

function rows(page) {
  return page.locator(".virtual-body [data-index]");
}

test("10,000 keys are loaded, and only visible rows are in the document", async ({ page, open }) => {
  await open("keys");
  await rows(page).first().waitFor();
  const isEarly = await page.getByText(/keys loaded/).isVisible();
  await page.getByText("10,000 keys.").waitFor({ timeout: 60_000 });
  assert.ok(isEarly, "the first keys are shown while others are loading");

  const table = page.getByRole("table", { name: "Keys" });
  assert.equal(await table.getAttribute("aria-rowcount"), String(COUNT + 1));
  assert.ok((await rows(page).count()) < 60);
});

test("scrolling shows the rows at the new place", async ({ page, open }) => {
  await openAll({ page, open }, "?sort=name");
  const box = page.locator(".virtual-list");
  await box.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await page.getByText("Customer 09999").waitFor();
  assert.ok((await rows(page).count()) < 60);

  await box.evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
  await page.getByText("Customer 05000").waitFor();
  const covered = await box.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const shown = [...element.querySelectorAll("[data-index]")].map((row) => row.getBoundingClientRect());
    return (
      Math.min(...shown.map((row) => row.top)) <= top + 60 && Math.max(...shown.map((row) => row.bottom)) >= bottom - 1
    );
  });
  assert.ok(covered, "the rows fill the box");
});

test("the search filters 10,000 keys while the operator types", async ({ page, open }) => {
  await openAll({ page, open });
  const search = page.getByRole("searchbox", { name: "Search" });
  await search.pressSequentially("customer 0777");
  // 00777 and 07770 to 07779. The random id of another key may contain 0777, too.
  const count = page.getByText(/^\d+ of 10,000 keys\.$/);
  const found = await eventually(async () => parseInt(await count.innerText()), (found) => found >= 11 && found < 20);
  assert.equal(await search.inputValue(), "customer 0777");
  assert.equal(await page.getByRole("table", { name: "Keys" }).getAttribute("aria-rowcount"), String(found + 1));
  for (const name of ["Customer 00777", "Customer 07770", "Customer 07779"]) {
    assert.equal(await page.getByRole("link", { name }).count(), 1, name);
  }
});

test("the arrow keys move through the rows, also beyond the visible ones", async ({ page, open }) => {
  await openAll({ page, open }, "?sort=name");
  await page.getByRole("link", { name: "Customer 00000" }).focus();
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("ArrowDown");
    const name = `Customer ${String(step + 1).padStart(5, "0")}`;
    await eventually(
      () => page.evaluate(() => document.activeElement.textContent.trim()),
      (text) => text === name,
    );
  }
  await page.keyboard.press("ArrowUp");
  await eventually(
    () => page.evaluate(() => document.activeElement.textContent.trim()),
    (text) => text === "Customer 00039",
  );
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/keys\/key_/);
});

test("a row with the focus keeps it while it is scrolled away", async ({ page, open }) => {
  await openAll({ page, open }, "?sort=name");
  await page.getByRole("link", { name: "Customer 00003" }).focus();
  await page.locator(".virtual-list").evaluate((element) => (element.scrollTop = 100_000));
  await page.getByText("Customer 01930").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Customer 00003");
});

test("all 10,000 keys can be selected and are previewed by one request", async ({ page, open, stub }) => {
  const bulk = await stub("POST v1/keys/bulk", () => undefined);
  await openAll({ page, open });
  await page.getByLabel("Select all shown keys").check();
  await page.getByText("10,000 keys selected").waitFor();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByText("10,000 of 10,000 keys would change.").waitFor({ timeout: 60_000 });
  assert.deepEqual(bulk.requests[0].postDataJSON(), { filter: { all: true }, set: { enabled: false } });
});

test("beyond 20,000 keys the page says to search on the server", async ({ page, open, stub }) => {
  const key = (index) => ({
    key_id: `key-${index}`,
    plan: "many",
    enabled: true,
    scopes: [],
    metadata: {},
    etag: '"1"',
  });
  const list = await stub("GET v1/keys", (request) => {
    const url = new URL(request.url());
    if (url.searchParams.get("name")) return { json: { items: [{ ...key(99), name: "needle" }], next_cursor: null } };
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const items = Array.from({ length: 5_000 }, (_, offset) => key(start + offset));
    return { json: { items, next_cursor: String(start + 5_000) } };
  });
  await open("keys");
  await page.getByText("Only the first 20,000 keys are loaded").waitFor();
  await page.getByRole("searchbox", { name: "Search" }).fill("needle");
  await page.getByRole("button", { name: "Search all keys on the server" }).click();
  await page.getByRole("link", { name: "needle" }).waitFor();
  assert.ok(list.requests.some((request) => request.url().includes("name=needle")));
});
