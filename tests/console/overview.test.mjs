// The page Overview: figures, refusals, and the way to the first call.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";
import { LIVE_MS } from "./journey.mjs";
import { busyOverview, DEPLOYED, NOW, overviewOf, REFUSALS, refusalPage } from "./overview_data.mjs";

const SLOWLY = { throttle: { rate: 1, burst: 2 }, quotas: [{ period: "day", limit: 1_000 }] };

const test = consoleTests({ setUp: (gateway) => gateway.plan("slow", SLOWLY) });

const OVERVIEW = "GET console/api/overview";
const LIST = "GET console/api/refusals";

/** Responds with figures and refusals of a busy API. */
async function stubBusy(stub, more = {}) {
  const overview = await stub(OVERVIEW, { json: busyOverview(more) });
  const refusals = await stub(LIST, { json: refusalPage(REFUSALS) });
  await stub("GET v1/keys/acme", { json: { key_id: "acme", name: "Acme shop", plan: "free", enabled: true } });
  return { overview, refusals };
}

function tile(page, name) {
  return page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
}

test("a call appears at the next request of the page, and its refusal with the reason", async ({ page, gateway, open }) => {
  const { key_id: id, key } = await gateway.key({ name: "Acme", plan: "slow" });
  await open("overview");
  const requests = tile(page, "Requests");
  await requests.getByText(/ in 15 minutes/).waitFor();

  const before = await requests.innerText();
  const statuses = await gateway.calls(6, "/orders", { key });
  const ended = Date.now();
  assert.ok(statuses.includes(200) && statuses.includes(429), String(statuses));
  await eventually(() => requests.innerText(), (text) => text !== before);
  const elapsed = Date.now() - ended;
  assert.ok(elapsed < LIVE_MS, `the calls appeared after ${elapsed} ms`);

  const row = page.getByRole("row").filter({ hasText: id }).first();
  await row.getByRole("button", { name: "Rate limit reached" }).click();
  const details = page.locator(".refusal-details");
  await details.getByText("A rate limit is used up.").waitFor();
  await details.getByText("Used up: burst").waitFor();
  await details.getByText("GET /orders").waitFor();

  await details.getByRole("link", { name: `Open the key ${id}` }).click();
  await eventually(() => page.url(), (url) => url.endsWith(`#/keys/${id}`));
});

test("decisions by plan link to the plan", async ({ page, gateway, open }) => {
  const { key } = await gateway.key({ plan: "slow" });
  await gateway.call("/orders", { key });
  await open("overview");
  await page.getByRole("table", { name: "Decisions by plan" }).getByRole("link", { name: "slow" }).click();
  await eventually(() => page.url(), (url) => url.endsWith("#/plans/slow"));
});

test("before the first request, the page leads to a key and a call", async ({ page, gateway, open, stub, axe }) => {
  await stub(OVERVIEW, { json: overviewOf(() => ({})) });
  await stub(LIST, { json: refusalPage([]) });
  await open("overview");
  const steps = page.getByRole("region", { name: "No requests in the last 15 minutes" });
  const command = `curl -i -H 'x-api-key: KEY' '${gateway.url}/'`;
  await steps.getByText(command, { exact: true }).waitFor();

  await steps.getByRole("button", { name: "Copy" }).click();
  await steps.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
  await steps.getByText(/plans exist already|more than 3 plans/).waitFor();
  await page.getByText("No request was refused").waitFor();
  await axe();

  await steps.getByRole("link", { name: "Create a key" }).click();
  await page.getByRole("dialog").waitFor();
});

test("tiles show shares with their trend", async ({ page, open, stub, axe }) => {
  await stubBusy(stub);
  await open("overview");
  const throttled = tile(page, "Throttled (429)");
  await throttled.getByText("23.8%").waitFor();
  await throttled.getByText(/1,255 responses. Last 5 minutes: 45.7%, ▲ up from 7.9% before/).waitFor();
  await tile(page, "Server errors (5xx)").getByText(/▼ down from/).waitFor();
  await tile(page, "Latency, 95 % below").getByText("12.4 ms").waitFor();
  await axe();

  await throttled.getByRole("link").click();
  await page.getByRole("heading", { name: "Recent refusals" }).waitFor();
});

test("a chart has its numbers as a table, in both time zones", async ({ page, open, stub, axe }) => {
  await stubBusy(stub);
  await open("overview");
  const chart = page.getByRole("figure", { name: "Requests by outcome" });
  await chart.getByText("Show as a table").click();
  const rows = chart.getByRole("row");
  await eventually(() => rows.count(), (number) => number === 181);
  assert.match(await rows.nth(1).innerText(), /10:41:05 \(2026-11-30 09:41:05 UTC\)\s+31\s+30\s+0\s+0\s+0/);
  await axe();
});

test("a chart shows the values at the pointer", async ({ page, open, stub }) => {
  await stubBusy(stub);
  await open("overview");
  await page.getByRole("button", { name: "Pause updates" }).click();
  const chart = page.getByRole("figure", { name: "Requests by outcome" });
  await chart.getByText("Sums of all that is shown").waitFor();
  const throttled = chart.getByRole("listitem").filter({ hasText: "Throttled (429)" });
  await throttled.getByText("1,255").waitFor();

  const plot = chart.locator(".u-over");
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + 1, box.y + box.height / 2);
  await chart.getByText("(2026-11-30 09:26:10 UTC)").waitFor();
  assert.equal(await chart.getByText("Sums of all that is shown").count(), 0);
  const first = busyOverview().points[0];
  await chart.getByRole("listitem").filter({ hasText: "Unauthorized (401)" }).getByText(String(first.unauthorized)).waitFor();
});

test("a chart fits its box and changes its colours with the scheme", async ({ page, open, stub }) => {
  await stubBusy(stub);
  await open("overview");
  const canvas = page.getByRole("figure", { name: "Latency" }).locator("canvas");
  const pixels = () => canvas.evaluate((element) => element.toDataURL());
  await eventually(pixels, (data) => data.length > 1_000);
  const light = await pixels();
  await page.emulateMedia({ colorScheme: "dark" });
  await eventually(pixels, (data) => data !== light);

  await page.setViewportSize({ width: 375, height: 800 });
  const widths = () => canvas.evaluate((element) => [element.clientWidth, element.closest(".chart-plot").clientWidth]);
  await eventually(widths, ([own, box]) => own === box && own < 375);
});

test("an open circuit breaker is a problem with its effect", async ({ page, open, stub, axe }) => {
  await stubBusy(stub, { breakers: [{ service: "usage", state: "open", changed_at: NOW }, { service: "registry", state: "closed" }] });
  await open("overview");
  const notice = page.getByRole("alert").filter({ hasText: "Circuit breaker open: usage" });
  await notice.getByText(/Limits are not counted/).waitFor();
  await notice.getByText("docs/operations/runbook.md").waitFor();
  assert.equal(await notice.getByText("registry").count(), 0);
  await axe();
});

test("missing parts are named with the reason", async ({ page, open, stub }) => {
  const missing = [{ what: "Circuit breakers", reason: "AccessDenied for cloudwatch:GetMetricData." }];
  await stubBusy(stub, { missing, unknown: ["breakers"] });
  await open("overview");
  await page.getByText("AccessDenied for cloudwatch:GetMetricData.").waitFor();
  assert.equal(await page.getByText("Circuit breakers closed").count(), 0);
});

test("figures that could not be read are not shown as zero", async ({ page, open, stub }) => {
  const missing = [{ what: "figures", reason: "no stack is given" }];
  const unknown = ["traffic", "decisions", "breakers"];
  const nothing = overviewOf(() => ({ throttled: null }), { missing, unknown });
  nothing.totals.throttled = null;
  await stub(OVERVIEW, { json: nothing });
  await stub(LIST, { json: refusalPage([]) });
  await open("overview");
  for (const name of ["Requests", "Throttled (429)", "Server errors (5xx)"]) {
    await tile(page, name).getByText("Not known.").waitFor();
  }
  await page.getByText("Circuit breakers: not known").waitFor();
  await page.getByText("The decisions are not known.").waitFor();
  assert.equal(await page.getByText("No requests in the last").count(), 0);
});

test("a slow response is reported and can be cancelled", async ({ page, open, stub }) => {
  await stub(OVERVIEW, { json: busyOverview() }, { delayMs: Infinity });
  await stub(LIST, { json: refusalPage([]) });
  await open("overview");
  await page.getByText("Loading the figures takes longer than usual …").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The request was cancelled.").waitFor();
});

test("a failed update keeps the figures and says so", async ({ page, open, stub }) => {
  let status = 200;
  await stub(OVERVIEW, () => (status === 200 ? { json: busyOverview() } : problem(status, "The memory is gone.")));
  await stub(LIST, { json: refusalPage([]) });
  await open("overview");
  await tile(page, "Throttled (429)").getByText("23.8%").waitFor();

  status = 500;
  await page.getByText("These figures are not current").waitFor();
  await page.getByText("Circuit breakers: not known").waitFor();
  await page.getByText("not current", { exact: true }).waitFor();
  assert.ok(await tile(page, "Throttled (429)").getByText("23.8%").isVisible());
  status = 200;
  await page.getByText("These figures are not current").waitFor({ state: "detached" });
  await page.getByText("Circuit breakers closed").waitFor();
});

test("a denied overview says which permission is missing", async ({ page, open, stub }) => {
  const detail = "The identity may not call cloudwatch:GetMetricData.";
  await stub(OVERVIEW, problem(403, detail));
  await stub(LIST, { json: refusalPage(REFUSALS) });
  await stub("GET v1/keys/acme", { json: { key_id: "acme", plan: "free", enabled: true } });
  await open("overview");
  await page.getByText(detail).waitFor();
  await page.getByRole("button", { name: "Rate limit reached" }).waitFor();
});

test("updates stop while paused or hidden", async ({ page, open, stub }) => {
  const { overview } = await stubBusy(stub);
  await open("overview");
  const polled = (more) => {
    const before = overview.requests.length;
    return eventually(() => overview.requests.length, (number) => number >= before + more);
  };
  const hide = (isHidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
  /** Waits for three intervals of the browser's own clock. */
  const intervals = () => page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 3_000)));
  await polled(2);

  await hide(true);
  const hidden = overview.requests.length;
  await intervals();
  assert.ok(overview.requests.length <= hidden + 1, "a hidden page does not load");
  await hide(false);
  await polled(2);

  await page.getByRole("button", { name: "Pause updates" }).click();
  const paused = overview.requests.length;
  await intervals();
  assert.ok(overview.requests.length <= paused + 1, "a paused page does not load");
  await page.getByRole("button", { name: "Resume updates" }).click();
  await polled(2);
});

test("nothing moves while figures are updated", async ({ page, open, stub }) => {
  let requests = 0;
  await stub(OVERVIEW, () => {
    requests += 1;
    return { json: overviewOf((index) => ({ requests: index + requests * 7, throttled: requests, p50_ms: requests, p95_ms: 2 * requests, p99_ms: 3 * requests })) };
  });
  await stub(LIST, { json: refusalPage(REFUSALS) });
  await stub("GET v1/keys/acme", { json: { key_id: "acme", plan: "free", enabled: true } });
  await open("overview");
  await page.getByRole("button", { name: "Rate limit reached" }).waitFor();

  const place = () => page.getByRole("heading", { name: "Newest refusals" }).evaluate((element) => element.getBoundingClientRect().top + window.scrollY);
  const first = await place();
  const seen = requests;
  const places = new Set();
  await eventually(async () => {
    places.add(await place());
    return requests;
  }, (number) => number >= seen + 4);
  assert.deepEqual([...places], [first]);
});

test("the list of refusals does not move while details are open", async ({ page, open, stub }) => {
  const older = refusalPage(REFUSALS.map(({ key_id: _, ...refusal }) => refusal)).items;
  let items = older;
  await stub(LIST, () => ({ json: refusalPage(items) }));
  await open("overview/refusals");
  const names = () => page.locator(".disclosure").allInnerTexts();
  await page.getByRole("button", { name: "Unknown key" }).click();
  await page.getByText("The API key does not exist.").waitFor();

  items = [{ reason: "blocked", status: 403, at: "2026-11-30T09:41:09Z", request_id: "newer" }, ...older];
  await page.getByText("1 newer refusal").waitFor();
  assert.deepEqual(await names(), ["Rate limit reached", "Quota used up", "Unknown key", "Invalid claims", "No rule"]);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await eventually(names, (all) => all[0] === "Blocked");
});

test("a refused key has its name, and details change no widths", async ({ page, open, stub }) => {
  await stubBusy(stub);
  await open("overview/refusals");
  const row = page.getByRole("row").filter({ hasText: "Quota used up" });
  await row.getByText("Acme shop").waitFor();
  const widths = () => page.locator(".refusals thead th").evaluateAll((all) => all.map((cell) => cell.offsetWidth));
  const closed = await widths();
  await row.getByRole("button", { name: "Quota used up" }).click();
  await page.locator(".refusal-details").getByText("1 h after the request:").waitFor();
  assert.deepEqual(await widths(), closed);
});

test("in the zone of UTC, instants are shown once", { timezoneId: "UTC" }, async ({ page, open, stub }) => {
  await stubBusy(stub);
  await open("overview/refusals");
  const time = page.locator(".refusals time").first();
  assert.equal(await time.innerText(), "2026-11-30 09:41:07 UTC");
});

test("details are opened and closed by keyboard", async ({ page, open, stub, axe }) => {
  await stubBusy(stub);
  await open("overview/refusals");
  const button = page.getByRole("button", { name: "Invalid claims" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByText("The claim is missing, has the wrong type, or has a value that the policy does not accept.").waitFor();
  assert.equal(await button.getAttribute("aria-expanded"), "true");
  await axe();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".refusal-details").count(), 0);
});

test("refusals are filtered by key, plan and reason, in the address", async ({ page, open, stub }) => {
  const { refusals } = await stubBusy(stub);
  await open("overview/refusals");
  const queries = () => refusals.requests.map((request) => Object.fromEntries(new URL(request.url()).searchParams));
  const asked = (expected) =>
    eventually(() => queries().at(-1), (query) => JSON.stringify(query) === JSON.stringify({ ...expected, limit: "200" }));

  await page.getByLabel("Key ID").fill("acme");
  await asked({ key_id: "acme" });
  await page.getByLabel("Plan").selectOption("slow");
  await asked({ key_id: "acme", plan: "slow" });
  await page.getByLabel("Reason").selectOption({ label: "Quota used up" });
  await asked({ key_id: "acme", plan: "slow", reason: "quota_exceeded" });
  assert.match(page.url(), /key_id=acme&plan=slow&reason=quota_exceeded$/);

  await page.reload();
  assert.equal(await page.getByLabel("Key ID").inputValue(), "acme");
  await page.getByRole("button", { name: "Clear" }).click();
  await asked({});
});

test("a filter without a match says so", async ({ page, open, stub }) => {
  await stub(LIST, { json: refusalPage([]) });
  await open("overview/refusals?key_id=unknown");
  await page.getByText("No refusal matches the filter").waitFor();
});

test("a reason of a later version is shown as it is", async ({ page, open, stub }) => {
  await stub(LIST, { json: refusalPage([{ reason: "too_loud", status: 403 }], { is_truncated: true }) });
  await open("overview/refusals");
  await page.getByRole("button", { name: "too_loud" }).click();
  await page.getByText("This version of the console does not know the reason.").waitFor();
  await page.getByText(/There are more refusals than are shown here/).waitFor();
});

test("figures of a deployed stack have ranges, and its refusals are read on request", async ({ page, open, stub, axe }) => {
  await stub("GET console/api/target", { json: DEPLOYED });
  const { overview, refusals } = await stubBusy(stub);
  await open("overview");
  await page.getByRole("button", { name: "3 hours" }).click();
  await eventually(() => overview.requests.at(-1).url(), (url) => url.endsWith("range=3h"));
  await page.getByText("The last 3 hours.").waitFor();
  assert.equal(await page.getByRole("button", { name: "3 hours" }).getAttribute("aria-pressed"), "true");

  await page.getByText("Refusals are read on request").waitFor();
  assert.equal(refusals.requests.length, 0);
  await axe();
  await page.getByRole("button", { name: "Read the log" }).click();
  await page.getByText(/Newest event:/).waitFor();
  assert.equal(refusals.requests.length, 1);
  await page.getByRole("button", { name: "Search again" }).click();
  await eventually(() => refusals.requests.length, (number) => number === 2);
});

test("the page fits a narrow screen", { viewport: { width: 375, height: 800 } }, async ({ page, open, stub, axe }) => {
  await stubBusy(stub);
  await open("overview");
  await page.getByRole("button", { name: "Rate limit reached" }).click();
  await page.locator(".refusal-details").waitFor();
  const [width, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(width <= visible, `${width} is wider than ${visible}`);
  await axe();
});
