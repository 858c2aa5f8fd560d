// The page of `tollgate console`: its one-time code, and its session.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { after, before, test as nodeTest } from "node:test";

import { launchBrowser, skipReason } from "./browser.mjs";
import { startConsole } from "./deployed.mjs";
import { eventually } from "./eventually.mjs";
import { startGateway } from "./gateway.mjs";

const TEST_TIMEOUT_MS = 120_000;
const PAGE_TIMEOUT_MS = 20_000;
const HALF_AN_HOUR_MS = 30 * 60_000;
const HEADER = "x-tollgate-console";

const skip = skipReason();
const shared = {};

before(async () => {
  if (skip) return;
  shared.gateway = await startGateway();
  [shared.deployed, shared.browser] = await Promise.all([startConsole(shared.gateway.url), launchBrowser()]);
});
after(async () => {
  await shared.browser?.close();
  await shared.deployed?.stop();
  await shared.gateway?.stop();
});

function test(name, body) {
  nodeTest(name, { skip, timeout: TEST_TIMEOUT_MS }, async () => {
    const context = await shared.browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(PAGE_TIMEOUT_MS);
      await body({ ...shared, context, page });
    } finally {
      await context.close();
    }
  });
}

/** Opens the page with a new code, and waits for its first heading. */
async function open(page, deployed) {
  await page.goto(await deployed.file());
  await page.waitForURL((url) => url.pathname === "/_tollgate/console/");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
}

/** Returns the requests of a page with a session, from now on. */
function recorded(page) {
  const requests = [];
  page.on("request", (request) => {
    if (request.headers()[HEADER]) requests.push(request);
  });
  return requests;
}

const noSession = (page) => page.getByRole("alert").filter({ hasText: "This page has no session" });

test("the file opens the page, and the code is neither in its address nor in its storage", async ({ page, deployed }) => {
  const requests = recorded(page);
  await open(page, deployed);

  const code = deployed.page.match(/#code=([\w-]+)/)[1];
  const places = await page.evaluate(() =>
    JSON.stringify([location.href, document.referrer, { ...localStorage }, { ...sessionStorage }, document.cookie,
      document.documentElement.outerHTML]));
  assert.equal(page.url(), deployed.url);
  assert.ok(!places.includes(code), "the page contains the code");

  const exchange = requests.filter((request) => request.postData()?.includes(code));
  assert.equal(exchange.length, 1);
  assert.ok(requests.every((request) => !request.url().includes(code)));
});

test("a service worker of an earlier program at the same port sees nothing", async ({ page, gateway }) => {
  const worker = "self.addEventListener('fetch', (event) => event.respondWith(new Response('taken')));";
  const server = createServer(({ url }, response) => {
    response.setHeader("content-type", url === "/worker.js" ? "text/javascript" : "text/html");
    response.end(url === "/worker.js" ? worker : "<!doctype html><title>Other</title>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  for (const host of ["127.0.0.1", "localhost"]) {
    await page.goto(`http://${host}:${port}/`);
    await page.evaluate(() => navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready));
  }
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;

  const other = await startConsole(gateway.url, ["--port", String(port)]);
  try {
    await open(page, other);
    assert.match(other.url, /^http:\/\/tollgate-[0-9a-f]{32}\.localhost:/);
    await page.goto(`http://127.0.0.1:${port}/_tollgate/console/`);
    assert.equal(await page.locator("body").innerText(), "taken", "the worker is still active at its own address");
  } finally {
    await other.stop();
  }
});

test("a code that was used is explained", async ({ page, context, deployed }) => {
  await open(page, deployed);
  const second = await context.newPage();
  await second.goto(`file://${deployed.copy}`);
  await noSession(second).waitFor();
  assert.match(await noSession(second).innerText(), /was used already/);
  assert.match(await noSession(second).innerText(), /Press Enter in the terminal/);
  assert.equal(second.url(), deployed.url);
});

test("a page without a code says how to open it", async ({ page, deployed }) => {
  await deployed.file();
  await page.goto(deployed.url);
  await noSession(page).waitFor();
  assert.match(await noSession(page).innerText(), /Press Enter in the terminal/);
});

test("a reload ends the session", async ({ page, deployed }) => {
  const requests = recorded(page);
  await open(page, deployed);
  const session = requests.at(-1).headers()[HEADER];
  await page.reload();
  await noSession(page).waitFor();
  assert.equal(await statusOf(deployed, session), 401);
});

test("a closed page ends its session", async ({ page, deployed }) => {
  const requests = recorded(page);
  await open(page, deployed);
  const session = await eventually(async () => requests.at(-1).headers()[HEADER], (value) => value !== "local");
  assert.equal(await statusOf(deployed, session), 200);
  await page.goto("about:blank");
  await eventually(() => statusOf(deployed, session), (status) => status === 401);
});

test("requests without activity do not extend the session", async ({ page, deployed }) => {
  await open(page, deployed);
  const requests = recorded(page);
  const reload = () => page.evaluate(() => import("./app/api.js").then(({ consoleApi }) => consoleApi.get("/session")));

  await reload();
  await reload();
  assert.equal(requests.at(-1).headers()[`${HEADER}-idle`], "1");
  await page.mouse.move(40, 40);
  await reload();
  assert.equal(requests.at(-1).headers()[`${HEADER}-idle`], undefined);
  await reload();
  assert.equal(requests.at(-1).headers()[`${HEADER}-idle`], "1");
});

test("a page without activity ends after half an hour and polls no more", async ({ page, deployed }) => {
  await page.clock.install();
  await open(page, deployed);
  await page.mouse.move(40, 40);

  await page.clock.fastForward(HALF_AN_HOUR_MS - 60_000);
  assert.equal(await page.getByText("The session has ended").count(), 0);
  await page.clock.fastForward(120_000);
  await page.getByText("The session has ended").waitFor();

  const requests = recorded(page);
  await page.clock.fastForward(HALF_AN_HOUR_MS);
  assert.deepEqual(requests.map((request) => request.url()), []);
});

test("a console that only reads says why it changes nothing", async ({ page, deployed }) => {
  await open(page, deployed);
  await page.getByRole("navigation").getByRole("link", { name: "Keys" }).click();
  const create = page.getByRole("button", { name: "Create a key" }).first();
  await create.waitFor();
  assert.equal(await create.getAttribute("aria-disabled"), "true");
  assert.match(await create.getAttribute("title"), /start the command with --write/);
});

/** Returns the status of a request with a session. Only browsers resolve the name of the page. */
async function statusOf(deployed, session) {
  const { host, port, pathname } = new URL(deployed.url);
  const headers = { host, [HEADER]: session };
  const sent = request({ host: "127.0.0.1", port, path: `${pathname}api/target`, headers, agent: false }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return response.statusCode;
}
