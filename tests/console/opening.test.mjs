// The console after the start: its address, its frame and its navigation.

import assert from "node:assert/strict";

import { consoleTests, eventually } from "./harness.mjs";

const test = consoleTests();

/** The titles of the pages in the order of the navigation. */
const TITLES = ["Overview", "Keys", "Plans", "Policy", "Usage", "Audit", "Checks", "API reference"];

test("the address of the text at startup opens the overview", async ({ page, gateway }) => {
  await page.goto(gateway.consoleUrl);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  assert.equal(new URL(page.url()).pathname, "/_tollgate/console/");
  await eventually(() => page.title(), (text) => text === "Overview · Tollgate console");
  assert.match(await page.getByRole("banner").innerText(), /local gateway/);
});

test("each page opens by keyboard, and the reader of the screen starts at its content", async ({ page, open }) => {
  await open("api");
  const navigation = page.getByRole("navigation", { name: "Pages" });
  assert.deepEqual(await navigation.getByRole("link").allInnerTexts(), TITLES);

  for (const title of TITLES) {
    await navigation.getByRole("link", { name: title, exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: title }).waitFor();

    assert.equal(await navigation.locator("[aria-current=page]").innerText(), title);
    await eventually(() => page.title(), (text) => text === `${title} · Tollgate console`);
    await eventually(() => page.evaluate(() => document.activeElement.tagName), (name) => name === "MAIN");
  }
});

test("the first tab skips the navigation", async ({ page, open }) => {
  await open("keys");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  assert.ok(await skip.evaluate((link) => link === document.activeElement));
  assert.ok((await skip.boundingBox()).y >= 0, "the link is visible while it has the focus");

  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");
  await page.getByRole("heading", { level: 1, name: "Keys" }).waitFor();
});

test("the browser's history goes through the pages", async ({ page, open }) => {
  await open();
  await open("keys");
  await open("plans");
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Keys" }).waitFor();
  await page.goForward();
  await page.getByRole("heading", { level: 1, name: "Plans" }).waitFor();
});

test("an unknown page says so and keeps the navigation", async ({ page, gateway }) => {
  await page.goto(`${gateway.consoleUrl}/#/nonsense`);
  await page.getByText("This page does not exist").waitFor();
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
});

test("the root of the gateway is the API's, not the console's", async ({ gateway }) => {
  assert.equal(await gateway.call("/"), 401);
});
