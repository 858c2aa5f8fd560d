// The frame of all pages: navigation, colour scheme, lost connection, end of the session, bugs, unsaved changes.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";

const test = consoleTests();

const NARROW = { viewport: { width: 375, height: 700 } };
const ENDED = { ...problem(401, "The session has ended."), headers: { "x-tollgate-console-session": "ended" } };

/** Replaces the code of the page Usage, for states that no page has by itself. */
async function withPage(page, body) {
  await page.route("**/pages/usage.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
}

const FORM = `
import { html, useState } from "../app/html.js";
import { navigate } from "../app/router.js";
import { useUnsavedChanges } from "../app/unsaved.js";
import { Page } from "../components/page.js";
export function Usage() {
  const [text, setText] = useState("");
  const release = useUnsavedChanges(text !== "", "The note is not saved.");
  const save = () => { release(); navigate(["plans"]); };
  const change = (event) => setText(event.currentTarget.value);
  return html\`<\${Page} title="Usage">
    <label>Note <input value=\${text} onInput=\${change} /></label>
    <button onClick=\${save}>Save</button><a href="#/usage?tab=month">Month</a><//>\`;
}`;

const heading = (page, name) => page.getByRole("heading", { level: 1, name });

test("every page opens by its link, with its title and the focus", async ({ page, open }) => {
  await open();
  const names = await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents();
  assert.deepEqual(names, ["Overview", "Keys", "Plans", "Policy", "Usage", "Audit", "Checks", "API reference"]);

  for (const name of names) {
    await page.getByRole("link", { name, exact: true }).first().click();
    await heading(page, name).waitFor();
    await eventually(() => page.title(), (title) => title === `${name} · Tollgate console`);
    assert.equal(await page.locator("a[aria-current=page]").textContent(), name);
  }
  await eventually(() => page.evaluate(() => document.activeElement.tagName), (name) => name === "MAIN");
});

test("the browser's history opens previous pages", async ({ page, open }) => {
  await open("keys");
  await page.getByRole("link", { name: "Audit" }).click();
  await heading(page, "Audit").waitFor();
  await page.goBack();
  await heading(page, "Keys").waitFor();
  await page.goForward();
  await heading(page, "Audit").waitFor();
});

test("pages are opened by keyboard, and the first link skips the navigation", async ({ page, open }) => {
  await open("audit");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");

  await page.getByRole("link", { name: "Checks" }).focus();
  await page.keyboard.press("Enter");
  await heading(page, "Checks").waitFor();
});

test("an unknown address says so and links to the overview", async ({ page, open }) => {
  await open("nowhere/else");
  await heading(page, "Page not found").waitFor();
  await page.getByRole("link", { name: "Open the overview" }).click();
  await heading(page, "Overview").waitFor();
});

const DEPLOYED = {
  kind: "deployed", label: "stack orders", version: "0.2.0", region: "eu-central-1",
  may_write: false, read_only_reason: "Start it with --write.",
  identity: "arn:aws:sts::123456789012:assumed-role/Admin/alice",
};

test("on a narrow screen the menu names the identity", NARROW, async ({ page, open, stub, axe }) => {
  await stub("GET console/api/target", { json: DEPLOYED });
  await open("audit");
  await page.getByRole("button", { name: /list of pages/ }).click();
  await page.getByRole("navigation", { name: "Pages" }).getByText("Admin/alice").waitFor();
  await axe();
});

test("the header names the target and the identity, and that the console only reads", async ({ page, open, stub }) => {
  await stub("GET console/api/target", { json: DEPLOYED });
  await open("audit");
  const header = page.getByRole("banner");
  const texts = ["stack orders", "eu-central-1", "Admin/alice", "Read only"];
  for (const text of texts) await header.getByText(text).waitFor();
});

test("the colour scheme is that of the system, or chosen for the tab", async ({ page, open, context, gateway }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await open("audit");
  const light = await background();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await background();
  assert.notEqual(light, dark);

  await page.getByLabel("Colour scheme").selectOption("light");
  assert.equal(await background(), light);
  await page.reload();
  await heading(page, "Audit").waitFor();
  assert.equal(await background(), light);
  assert.equal(await page.getByLabel("Colour scheme").inputValue(), "light");

  // Other pages of the same host see nothing of it.
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  assert.deepEqual(await context.cookies(gateway.url), []);
});

test("on a narrow screen a menu has the pages", NARROW, async ({ page, open, axe }) => {
  await open("audit");
  const menu = page.getByRole("button", { name: /list of pages/ });
  const link = page.getByRole("link", { name: "Checks" });
  assert.equal(await link.isVisible(), false);

  await menu.click();
  await link.waitFor();
  await axe();
  await page.keyboard.press("Escape");
  await link.waitFor({ state: "hidden" });
  assert.match(await page.evaluate(() => document.activeElement.className), /menu-button/);

  await menu.click();
  await link.click();
  await heading(page, "Checks").waitFor();
  assert.equal(await link.isVisible(), false);
});

for (const [title, options] of [["375 px", NARROW], ["a zoom of 200 %", { viewport: { width: 640, height: 400 } }]]) {
  test(`no page scrolls sideways at ${title}`, options, async ({ page, open }) => {
    for (const path of ["overview", "keys", "plans", "policy", "usage", "audit", "checks", "api"]) {
      await open(path);
      const [width, visible] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
      });
      assert.ok(width <= visible, `${path}: ${width} of ${visible}`);
    }
  });
}

test("a lost connection is reported, and ends by itself", async ({ page, open, allowErrors }) => {
  allowErrors(/ERR_CONNECTION_FAILED|failed request/);
  await open("audit");
  const notice = page.getByRole("alert").filter({ hasText: "The console tries again by itself" });

  const lost = (route) => route.abort("connectionfailed");
  await page.route("**/_tollgate/**", lost);
  await page.getByRole("link", { name: "Plans" }).click();
  await page.evaluate(() => import("./app/api.js").then(({ admin }) => admin.get("/plans")).catch(() => {}));
  await notice.waitFor();
  await notice.getByRole("button", { name: "Try now" }).waitFor();

  await page.unroute("**/_tollgate/**", lost);
  await notice.waitFor({ state: "hidden" });
});

test("a lost connection ends with the button", async ({ page, open, allowErrors }) => {
  allowErrors(/ERR_CONNECTION_FAILED|failed request/);
  await page.clock.install();
  await open("audit");
  // An automatic attempt could otherwise succeed before the click.
  await page.clock.pauseAt(Date.now() + 60_000);

  const lost = (route) => route.abort("connectionfailed");
  await page.route("**/_tollgate/**", lost);
  await page.evaluate(() => import("./app/api.js").then(({ admin }) => admin.get("/plans")).catch(() => {}));
  const button = page.getByRole("button", { name: "Try now" });
  await button.waitFor();

  await page.unroute("**/_tollgate/**", lost);
  await button.click();
  await button.waitFor({ state: "hidden" });
});

test("the end of the session is reported, and nothing is polled any more", async ({ page, open, stub }) => {
  await withPage(page, `
import { admin } from "../app/api.js";
import { html } from "../app/html.js";
import { useResource } from "../app/resource.js";
import { Page } from "../components/page.js";
import { Resource } from "../components/states.js";
export function Usage() {
  const plans = useResource("plans", (signal) => admin.get("/plans", { signal }), { pollMs: 100 });
  return html\`<\${Page} title="Usage"><\${Resource} resource=\${plans}>\${() => "loaded"}<//><//>\`;
}`);
  await open("usage");
  await page.getByText("loaded").waitFor();

  const plans = await stub("GET v1/plans", ENDED);
  await page.getByRole("alert").filter({ hasText: "press Enter in the terminal" }).waitFor();
  const { length } = plans.requests;
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 500); }));
  assert.equal(plans.requests.length, length);
});

test("a bug in a page leaves the others usable", async ({ page, open, allowErrors }) => {
  allowErrors(/a bug for the test/);
  await withPage(page, "export function Usage() { throw new Error('a bug for the test'); }");
  await open("usage");
  await page.getByText("This page has failed").waitFor();
  await page.getByText("a bug for the test").waitFor();
  await page.getByRole("link", { name: "Audit" }).click();
  await heading(page, "Audit").waitFor();
});

test("a page that does not respond can be cancelled and loaded again", async ({ page, open, stub }) => {
  const target = await stub("GET v1/plans", { json: { items: [] } }, { delayMs: Infinity });
  await withPage(page, `
import { admin } from "../app/api.js";
import { html } from "../app/html.js";
import { useResource } from "../app/resource.js";
import { Page } from "../components/page.js";
import { Resource } from "../components/states.js";
export function Usage() {
  const plans = useResource("plans", (signal) => admin.get("/plans", { signal }));
  return html\`<\${Page} title="Usage"><\${Resource} resource=\${plans} label="Loading plans">\${() => "loaded"}<//><//>\`;
}`);
  await open("usage");
  await page.getByText("Loading plans takes longer than usual").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The request was cancelled.").waitFor();
  target.release();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("loaded").waitFor();
});

test("a busy button keeps the focus and ignores further presses", async ({ page, open, stub }) => {
  await open("audit");
  await page.getByText("Nothing has changed in the last 31 days").waitFor();
  const audit = await stub("GET v1/audit", undefined, { delayMs: Infinity });
  const reload = page.getByRole("button", { name: "Reload" });
  await reload.focus();
  await page.keyboard.press("Enter");
  await page.locator("button[aria-busy=true]").waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press(" ");
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Reload");

  audit.release();
  await page.locator("button[aria-busy=true]").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Reload");
  assert.equal(audit.requests.length, 1);
});

test("a link asks before unsaved changes are lost", async ({ page, open, axe }) => {
  await withPage(page, FORM);
  await open("usage");
  await page.getByLabel("Note").fill("text");
  await page.getByRole("link", { name: "Plans" }).click();

  const dialog = page.getByRole("dialog", { name: "Discard changes?" });
  await dialog.getByText("The note is not saved.").waitFor();
  await axe();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await page.getByLabel("Note").inputValue(), "text");

  await page.getByRole("link", { name: "Plans" }).click();
  await dialog.getByRole("button", { name: "Discard changes" }).click();
  await heading(page, "Plans").waitFor();
});

test("the browser's back button asks too, and the address stays", async ({ page, open }) => {
  await withPage(page, FORM);
  await open("audit");
  await page.getByRole("link", { name: "Usage" }).click();
  await page.getByLabel("Note").fill("text");
  await page.evaluate(() => history.back());

  await page.getByRole("button", { name: "Keep editing" }).click();
  assert.match(page.url(), /#\/usage$/);
  assert.equal(await page.getByLabel("Note").inputValue(), "text");

  await page.evaluate(() => history.back());
  await page.getByRole("button", { name: "Discard changes" }).click();
  await heading(page, "Audit").waitFor();
  assert.match(page.url(), /#\/audit$/);
});

test("saved changes and changes of parameters do not ask", async ({ page, open }) => {
  await withPage(page, FORM);
  await open("usage");
  await page.getByLabel("Note").fill("text");
  await page.getByRole("link", { name: "Month" }).click();
  await eventually(() => page.url(), (url) => url.endsWith("#/usage?tab=month"));
  assert.equal(await page.getByLabel("Note").inputValue(), "text");
  await page.getByRole("button", { name: "Save" }).click();
  await heading(page, "Plans").waitFor();
});

test("closing the tab with unsaved changes asks", async ({ page, open }) => {
  await withPage(page, FORM);
  await open("usage");
  await page.getByLabel("Note").fill("text");
  const question = page.waitForEvent("dialog");
  const closed = page.close({ runBeforeUnload: true });
  const dialog = await question;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.accept();
  await closed;
});
