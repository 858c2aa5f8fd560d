// The page Checks.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { consoleTests, eventually, problem } from "./harness.mjs";

const NARROW = { viewport: { width: 375, height: 700 } };
const test = consoleTests();

/** Returns the status of a run as the server sends it. */
function status(state, more = {}) {
  return { json: { state, started_at: "2026-11-29T12:00:00Z", elapsed_ms: 1_500, finished: 2, total: 5, ...more } };
}

function outcome(id, group, state, more = {}) {
  return { id, group, title: `Title of ${id}`, status: state, details: [`Finding of ${id}`], fix: null,
    evidence: null, link: `docs/operations/check.md#${id}`, ...more };
}

const CHECKS = [
  outcome("alb-internal", "network", "failed", {
    fix: "Correct the scheme.", details: Array.from({ length: 13 }, (_, index) => `Finding ${index}`),
  }),
  outcome("targets-healthy", "network", "not_checked", { fix: "Add the permission." }),
  outcome("drift", "network", "ok"),
  outcome("key-admitted", "requests", "not_proven", { fix: "Name a route." }),
  outcome("<img src=x>", "requests", "not_applicable"),
];

const REPORT = {
  schema_version: 1, version: "9", target: "stack orders", time: "2026-11-29T12:00:02Z", checks: CHECKS,
  counts: { ok: 1, warning: 0, failed: 1, not_checked: 1, not_proven: 1, error: 0, not_applicable: 1 },
};

/** Makes the server respond as if it had a run. `respond` returns its status. */
async function stubRun(stub, respond, id = "7") {
  await stub("GET console/api/checks", { json: { id } });
  return stub(`GET console/api/checks/${id}`, respond);
}

const runButton = (page) => page.getByRole("button", { name: "Run checks" });

test("the checks of the local gateway run, and every result is shown", async ({ page, open, axe }) => {
  await open("checks");
  await page.getByText("Network, API, Functions, Monitoring: these groups need a deployed stack.").waitFor();
  await runButton(page).click();
  await page.getByText("The run has finished.").waitFor();

  await page.getByRole("button", { name: /^All/ }).click();
  const group = page.getByRole("heading", { name: /^Configuration/, level: 3 });
  await group.waitFor();
  assert.ok(await page.locator(".checks-outcome").count() > 3);
  await axe();

  // The report is still there after a visit to another page.
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
  await page.getByRole("link", { name: "Checks" }).click();
  await page.getByRole("heading", { name: "Report" }).waitFor();
});

test("checks by requests leave no plan behind", async ({ page, open, gateway }) => {
  await open("checks");
  await page.getByText("Creates a temporary plan and a temporary key, both named").waitFor();
  await page.getByLabel(/^Configuration/).uncheck();
  await page.getByText("Choose at least one group.").waitFor();
  assert.ok(await runButton(page).isDisabled());

  await page.getByLabel(/^Requests/).check();
  await page.getByLabel("Path", { exact: true }).fill("orders");
  await page.getByText("Expected a path such as /orders.").waitFor();
  await page.getByLabel("Path", { exact: true }).fill("/orders");
  await page.getByLabel("Echo path").fill("/orders");
  await page.keyboard.press("Enter");

  await page.getByText("The run has finished.").waitFor();
  // The built-in backend returns what it received, so every check is proven.
  await page.getByText("No check needs attention.").waitFor();
  await page.getByRole("heading", { name: "Report" }).waitFor();
  const { items } = await gateway.admin("GET", "/plans?limit=100");
  assert.deepEqual(items.filter(({ name }) => name.startsWith("check-")), []);
});

test("a report about a public path says that it proves nothing about keys", async ({ page, open, stub }) => {
  const details = ["GET /health without a key: 200: the path is public"];
  const checks = [outcome("missing-key-refused", "requests", "not_proven", { details }), ...CHECKS];
  await stubRun(stub, status("done", { report: { ...REPORT, checks } }));
  await open("checks");
  await page.getByText("The path of this run is public").waitFor();
});

test("the request names the chosen groups and the path", async ({ page, open, stub }) => {
  const start = await stub("POST console/api/checks", { status: 202, json: { id: "7" } });
  await open("checks");
  await page.getByLabel(/^Requests/).check();
  await page.getByLabel("Path", { exact: true }).fill("/orders");
  await page.getByLabel("Echo path").fill("echo");
  await page.getByText("Expected a path such as /orders.").waitFor();
  await page.getByLabel("Echo path").fill("/echo");
  await stubRun(stub, status("running"));
  await runButton(page).click();
  await page.getByText("2 of 5 checks made, 1.5 s").waitFor();
  assert.deepEqual(start.requests[0].postDataJSON(), {
    only: ["configuration", "requests"], requests: true, path: "/orders", echo: "/echo",
  });
});

test("a report shows status, findings, next step and documentation", async ({ page, open, stub, axe }) => {
  await stubRun(stub, status("done", { report: REPORT }));
  await open("checks");
  const counts = page.getByRole("list", { name: "Number of checks by result" });
  await counts.waitFor();
  assert.deepEqual((await counts.getByRole("listitem").allInnerTexts()).map((text) => text.replace(/^\S+ /, "")),
    ["1 failed", "1 not checked", "1 not proven", "1 OK", "1 not applicable"]);

  const failed = page.locator(".checks-outcome").filter({ hasText: "Title of alb-internal" });
  await failed.getByText("Failed", { exact: true }).waitFor();
  await failed.getByText("Correct the scheme.").waitFor();
  await failed.getByText("docs/operations/check.md#alb-internal").waitFor();
  // The catalogue explains the check.
  await failed.getByText(/load balancer/i).first().waitFor();
  assert.equal(await failed.getByText("Finding 12").isVisible(), false);
  await failed.getByText("3 more findings").click();
  await failed.getByText("Finding 12").waitFor();

  await failed.getByRole("button", { name: "Copy path" }).click();
  await failed.getByText("Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, "docs/operations/check.md#alb-internal");
  await axe();
});

test("results are filtered", async ({ page, open, stub }) => {
  await stubRun(stub, status("done", { report: REPORT }));
  await open("checks");
  const outcomes = page.locator(".checks-outcome");
  await eventually(() => outcomes.count(), (count) => count === 3);
  await page.getByRole("button", { name: "All (5)" }).click();
  await eventually(() => outcomes.count(), (count) => count === 5);
  await page.getByText("Title of <img src=x>").waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  await page.getByRole("button", { name: "Needs attention (3)" }).click();
  await eventually(() => outcomes.count(), (count) => count === 3);
});

test("the report can be copied and downloaded", async ({ page, open, stub }) => {
  await stubRun(stub, status("done", { report: REPORT }));
  await open("checks");
  await page.getByRole("button", { name: "Copy JSON" }).click();
  await page.getByText("Copied").waitFor();
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), REPORT);

  const button = page.getByRole("button", { name: "Download JSON" });
  const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
  assert.equal(file.suggestedFilename(), "check-report.json");
  assert.deepEqual(JSON.parse(await readFile(await file.path(), "utf8")), REPORT);
});

test("a report without problems says so", async ({ page, open, stub }) => {
  await stubRun(stub, status("done", { report: { ...REPORT, checks: [CHECKS[2]], counts: { ok: 1 } } }));
  await open("checks");
  await page.getByText("No check needs attention.").waitFor();
});

test("a run in progress is shown, and can be cancelled", async ({ page, open, stub, axe }) => {
  let latest = "7";
  await stub("GET console/api/checks", () => ({ json: { id: latest } }));
  await stub("GET console/api/checks/7", status("running"));
  const cancel = await stub("DELETE console/api/checks/7", () => {
    latest = null;
    return { status: 204 };
  }, { delayMs: Infinity });

  await open("checks");
  await page.getByText("2 of 5 checks made").waitFor();
  assert.ok(await runButton(page).isDisabled());
  await axe();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Ending the run").waitFor();
  cancel.release();
  await page.getByText("The run was cancelled.").waitFor();
  await eventually(() => runButton(page).isEnabled());
});

test("a run that was not ended cleanly says what remains", async ({ page, open, stub }) => {
  await stubRun(stub, status("running"));
  await stub("DELETE console/api/checks/7", problem(502, "The temporary plan `check-1` could not be deleted."));
  await open("checks");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText(/The temporary plan check-1 could not be deleted/).waitFor();
});

test("a failed run and a run that cannot start say why", async ({ page, open, stub }) => {
  await stubRun(stub, status("failed", { error: "The target was not read in time." }));
  await stub("POST console/api/checks", problem(409, "Checks are running already."));
  await open("checks");
  await page.getByText("The target was not read in time.").waitFor();
  await runButton(page).click();
  await page.getByText("Checks are running already.").waitFor();
});

test("a console that only reads makes no requests, and says why", async ({ page, open, stub }) => {
  await stub("GET console/api/target", { json: {
    kind: "deployed", label: "stack orders", version: "9", may_write: false, read_only_reason: "Start it with --write.",
  } });
  await open("checks");
  assert.ok(await page.getByLabel(/^Requests/).isDisabled());
  await page.getByText("Start it with --write.").waitFor();
});

test("a list of checks that cannot be loaded can be loaded again", async ({ page, open, stub }) => {
  const failed = await stub("GET console/api/checks/catalogue", problem(500, "The console failed."));
  await open("checks");
  await page.getByText("The console failed.").waitFor();
  await failed.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await runButton(page).waitFor();
});

test("every check is explained", async ({ page, open, gateway, axe }) => {
  const headers = { "x-tollgate-console": "local" };
  const catalogue = await (await fetch(`${gateway.consoleUrl}/api/checks/catalogue`, { headers })).json();
  await open("checks");
  await page.locator(".checks-catalogue summary").filter({ hasText: "Network" }).click();
  const { explanation, permissions } = catalogue.find(({ id }) => id === "alb-internal");
  const text = explanation.replaceAll("`", "");
  await eventually(() => page.locator(".checks-catalogue").textContent(), (shown) => shown.includes(text));
  await page.getByText(`Needs ${permissions.join(", ")}`, { exact: true }).first().waitFor();
  assert.equal(await page.locator(".checks-catalogue dt").count(), catalogue.length);
  await axe();
});

test("a report and the list of checks are readable on a narrow screen", NARROW, async ({ page, open, stub, axe }) => {
  await stubRun(stub, status("done", { report: REPORT }));
  await open("checks");
  await page.getByText("Title of alb-internal").waitFor();
  await page.locator(".checks-catalogue details").evaluateAll((all) => all.forEach((group) => (group.open = true)));
  const [width, visible] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(width <= visible, `${width} of ${visible}`);
  await axe();
});
