// The console after the start of the gateway: its address.

import assert from "node:assert/strict";

import { consoleTests, eventually } from "./harness.mjs";

const test = consoleTests();

test("the address of the text at startup opens the overview", async ({ page, gateway }) => {
  await page.goto(gateway.consoleUrl);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  assert.equal(new URL(page.url()).pathname, "/_tollgate/console/");
  await eventually(() => page.title(), (text) => text === "Overview · Tollgate console");
  assert.match(await page.getByRole("banner").innerText(), /local gateway/);
});

test("a browser without JavaScript learns what is missing", { javaScriptEnabled: false }, async ({ page, gateway }) => {
  await page.goto(gateway.consoleUrl);
  const text = page.locator("noscript p");
  await text.waitFor();
  assert.equal(await text.textContent(), "The console needs JavaScript.");
});

test("the root of the gateway is the API's, not the console's", async ({ gateway }) => {
  assert.equal(await gateway.call("/"), 401);
});
