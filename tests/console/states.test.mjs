// States that every page can be in: slow, failed, denied, without a connection.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem, startGateway } from "./harness.mjs";
import { fill, PAGES, SEEDS, settled } from "./pages.mjs";

const test = consoleTests({ seeds: SEEDS, setUp: fill });

/** Everything that a page loads, except the description of the target. */
const DATA = /\/_tollgate\/(v1\/|console\/api\/(?!target)|openapi\.json)/;

/** Pages that load nothing before the operator asks. */
const WITHOUT_DATA = ["checks"];

const LOADING_PAGES = PAGES.filter(({ path }) => !WITHOUT_DATA.includes(path));

/** Responds to everything that a page loads until the returned function is called. */
async function stubData(page, respond) {
  const handler = async (route) => {
    try {
      await respond(route);
    } catch {
      // The page was closed, or has aborted the request.
    }
  };
  await page.route(DATA, handler);
  return () => page.unroute(DATA, handler);
}

const fulfil = (route, { status, json }) =>
  route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify(json) });

for (const { path } of LOADING_PAGES) {
  test(`${path} shows a failure and recovers by its button`, async ({ page, open, allowErrors }) => {
    allowErrors(/status of 500/);
    const restore = await stubData(page, (route) => fulfil(route, problem(500, "The table does not respond.")));
    await open(path);
    const main = page.getByRole("main");
    await main.getByText("The table does not respond.").first().waitFor();
    assert.ok(await main.getByRole("alert").count(), "a failure is announced");

    await restore();
    const retry = main.getByRole("button", { name: "Try again" });
    await eventually(async () => {
      if (await retry.count()) await retry.first().click({ timeout: 1_000 }).catch(() => {});
      return main.getByText("The table does not respond.").count();
    }, (count) => count === 0);
  });

  test(`${path} says why the operator may not read it`, async ({ page, open, allowErrors }) => {
    allowErrors(/status of 403/);
    const reason = "User is not authorized to perform execute-api:Invoke on this operation.";
    await stubData(page, (route) => fulfil(route, problem(403, reason)));
    await open(path);
    await page.getByRole("main").getByText(reason).first().waitFor();
  });

  test(`${path} says that loading is slow`, async ({ page, open }) => {
    const waiting = [];
    const restore = await stubData(page, (route) => new Promise((resolve) => waiting.push(() => resolve(route.continue()))));
    await open(path);
    const main = page.getByRole("main");
    await main.getByText(/longer than usual/).first().waitFor();

    await restore();
    await Promise.all(waiting.map((proceed) => proceed()));
    await settled(page);
    assert.equal(await main.getByText(/longer than usual/).count(), 0);
  });

  test(`${path} says that there is no connection`, async ({ page, open, allowErrors }) => {
    allowErrors(/ERR_CONNECTION_FAILED/);
    await stubData(page, (route) => route.abort("connectionfailed"));
    await open(path);
    await page.getByRole("main").getByText(/does not respond|No connection/).first().waitFor();
  });
}

test("a gateway that stops and starts again is noticed", async ({ browser, allowErrors, page }) => {
  allowErrors(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|another host/);
  const first = await startGateway({ seeds: SEEDS });
  let second;
  try {
    await page.goto(`${first.consoleUrl}/#/overview`);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await settled(page);

    await first.stop();
    await page.getByText(/No connection|does not respond/).first().waitFor();
    assert.ok(await page.getByRole("navigation", { name: "Pages" }).isVisible(), "the page stays");

    second = await startGateway({ seeds: SEEDS, port: Number(new URL(first.url).port) });
    await eventually(() => page.getByText(/No connection|does not respond/).count(), (count) => count === 0);
  } finally {
    await first.stop();
    await second?.stop();
  }
  assert.equal(browser.isConnected(), true);
});

test("a browser without a network says so and recovers", async ({ page, context, open, allowErrors }) => {
  allowErrors(/ERR_INTERNET_DISCONNECTED/);
  await open("overview");
  await settled(page);
  await context.setOffline(true);
  await page.getByText(/No connection|does not respond/).first().waitFor();
  await context.setOffline(false);
  await eventually(() => page.getByText(/No connection|does not respond/).count(), (count) => count === 0);
});

test("data that is partly missing is named with the reason", async ({ page, open, stub }) => {
  const reason = "cloudwatch:GetMetricData is not allowed for this role.";
  await stub("GET console/api/overview", (request) => ({ json: overviewOf(request, reason) }));
  await open("overview");
  const main = page.getByRole("main");
  await main.getByText(reason).waitFor();
  await main.getByText("Some data is missing").waitFor();
});

test("a target that cannot be described shows the problem and a button", async ({ page, gateway, stub }) => {
  const stubbed = await stub("GET console/api/target", problem(500, "The stack cannot be read."));
  await page.goto(gateway.consoleUrl);
  await page.getByText("The stack cannot be read.").waitFor();
  await stubbed.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
});

test("a console that only reads says so at each action", async ({ page, open, stub, gateway }) => {
  const target = await readTarget(gateway);
  const readOnly = { ...target, may_write: false, read_only_reason: "Started without --write." };
  await stub("GET console/api/target", { json: readOnly });
  await open("plans");
  await page.getByRole("banner").getByText(/read only/i).waitFor();
  await page.getByText("Started without --write.").first().waitFor();
  const primary = page.locator("main button.primary");
  for (const button of await primary.all()) {
    assert.ok((await button.isDisabled()) || (await button.getAttribute("aria-disabled")) === "true");
  }
});

async function readTarget(gateway) {
  const response = await fetch(`${gateway.consoleUrl}/api/target`, { headers: { "x-tollgate-console": "local" } });
  return response.json();
}

/** Returns an overview with the parts of the contract, of which one is missing. */
function overviewOf(request, reason) {
  const to = new Date();
  const from = new Date(to - 900_000);
  const counts = { requests: 0, throttled: 0, unauthorized: 0, forbidden: 0, server_errors: 0 };
  const figures = { ...counts, p50_ms: null, p95_ms: null, p99_ms: null };
  return {
    range: new URL(request.url()).searchParams.get("range") ?? "15m",
    step_s: 5,
    from: from.toISOString(),
    to: to.toISOString(),
    updated_at: to.toISOString(),
    points: [{ at: from.toISOString(), ...figures }],
    totals: figures,
    decisions: [],
    breakers: [],
    missing: [{ what: "Latency", reason }],
  };
}
