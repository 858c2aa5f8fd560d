// The harness itself: problems of a page are found.

import assert from "node:assert/strict";
import { test as nodeTest } from "node:test";

import { violations } from "./axe.mjs";
import { browserPath, skipReason } from "./browser.mjs";
import { consoleTests, eventually } from "./harness.mjs";
import { Monitor } from "./monitor.mjs";

const test = consoleTests();

/** Opens the console without its code in a context of its own, runs `script`, and returns the first problem. */
async function problemOf({ gateway, browser }, script) {
  const context = await browser.newContext();
  const monitor = new Monitor(gateway.url);
  await monitor.observe(context);
  try {
    const page = await context.newPage();
    await page.route("**/app/main.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
    await page.route("**/style.css", (route) => route.fulfill({ contentType: "text/css", body: "" }));
    await page.goto(`${gateway.consoleUrl}/`);
    assert.deepEqual(monitor.problems(), []);
    await page.evaluate(script);
    return (await eventually(() => monitor.problems(), (problems) => problems.length > 0))[0];
  } finally {
    await context.close();
  }
}

test("console errors and warnings are found", async (fixture) => {
  assert.match(await problemOf(fixture, () => console.error("broken")), /console error: broken/);
  assert.match(await problemOf(fixture, () => console.warn("odd")), /console warning: odd/);
});

test("uncaught errors and unhandled rejections are found", async (fixture) => {
  const thrown = await problemOf(fixture, () => void setTimeout(() => { throw new Error("thrown"); }));
  assert.match(thrown, /uncaught: .*thrown/s);
  const rejected = await problemOf(fixture, () => void Promise.reject(new Error("rejected")));
  assert.match(rejected, /uncaught: .*rejected/s);
});

test("error statuses and requests to other hosts are found", async (fixture) => {
  assert.match(await problemOf(fixture, () => void fetch("missing.js")), /404 .*missing\.js/);
  const foreign = await problemOf(fixture, () => void fetch("http://localhost:9/").catch(() => {}));
  assert.match(foreign, /localhost:9/);
});

test("violations of the content security policy are found", async (fixture) => {
  const inline = () => document.body.setAttribute("style", "color: red");
  assert.match(await problemOf(fixture, inline), /content security policy|Content Security Policy/);
});

test("violations of accessibility are found in a page with a strict policy", async ({ gateway, browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/app/main.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  await page.goto(`${gateway.consoleUrl}/index.html`);
  await page.evaluate(() => document.body.append(document.createElement("button")));
  const found = await violations(page);
  assert.ok(found.some((line) => line.startsWith("dark: button-name")), found.join("\n"));
  await context.close();
});

nodeTest("without a browser the tests are skipped, except in CI", () => {
  assert.match(skipReason({ PATH: "" }), /Chromium is not installed/);
  assert.equal(skipReason({ PATH: "", CI: "true" }), false);
  assert.equal(browserPath({ PATH: "", CHROMIUM: "/opt/chromium" }), "/opt/chromium");
});
