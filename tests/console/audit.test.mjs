// The page Audit.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { consoleTests, eventually, problem } from "./harness.mjs";

const NARROW = { viewport: { width: 375, height: 700 } };
const ALICE = "arn:aws:sts::123456789012:assumed-role/Admin/alice";
const shared = {};

const test = consoleTests({ setUp: seed });

async function seed(gateway) {
  const plan = { throttle: { rate: 10, burst: 20 }, quotas: [{ period: "day", limit: 1_000 }] };
  await gateway.plan("gold", plan);
  await gateway.plan("gold", { ...plan, throttle: { rate: 20, burst: 20 } });
  shared.key = await gateway.key({ name: "=1+1", plan: "gold", metadata: { crm: "12" } });
  const path = `/keys/${shared.key.key_id}`;
  await gateway.admin("PATCH", `${path}/usage`, { quota: "day", grant: 100 });
  await gateway.importKeys(2, "gold");
  await gateway.admin("PUT", "/blocks/ip/192.0.2.1", { note: "abuse" });
  await gateway.admin("PUT", "/policies/main", { rules: [{ match: "ANY /{proxy+}", auth: "any" }] });
  await gateway.admin("DELETE", path);
}

const records = (page) => page.getByRole("list", { name: "Changes, the newest first" }).locator("> li");

/** Returns a record with its fields replaced. */
function record(number, more = {}) {
  const at = new Date(Date.UTC(2026, 10, 29, 12, 0, 0) - number * 60_000).toISOString();
  return { at, principal: ALICE, action: "key.update", target: `key_${number}`, request_id: `request-${number}`,
    changes: { "/enabled": { old: true, new: false } }, ...more };
}

test("records are listed with time, principal, action, target, request and changes", async ({ page, open, axe }) => {
  await open("audit");
  const list = records(page);
  await eventually(() => list.count(), (count) => count >= 7);

  const change = list.filter({ hasText: "throttle.rate" }).first();
  await change.getByText("Created or changed plan").waitFor();
  assert.match(await change.innerText(), /throttle\.rate\s+from\s+10 →\s+to\s+20/);
  assert.match(await change.innerText(), /\(2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)/);
  assert.match(await change.innerText(), /request [0-9a-f]{24}/);
  assert.equal(await change.getByRole("link", { name: "gold", exact: true }).getAttribute("href"), "#/plans/gold");

  await list.filter({ hasText: "Granted calls to" }).getByText("+100 calls in the quota day").waitFor();
  await list.filter({ hasText: "Created or changed block" }).getByText("ip/192.0.2.1/32").first().waitFor();
  const deleted = list.filter({ hasText: "Deleted key" });
  await deleted.getByText("removed, was gold").waitFor();
  // The name of a deleted key is in its records.
  await deleted.getByText("=1+1").first().waitFor();
  assert.equal(await deleted.locator(".audit-title a").count(), 0);
  await page.getByText("so they are all by “local”").waitFor();
  await axe();
});

test("an import lists its keys with links", async ({ page, open }) => {
  await open("audit?action=key.import");
  const entry = records(page).first();
  await entry.getByText("2 keys", { exact: true }).click();
  const address = await entry.getByRole("listitem").first().getByRole("link").getAttribute("href");
  assert.match(address, /^#\/keys\/key_/);
});

test("the filter selects by action, target and period, and is a part of the address", async ({ page, open }) => {
  await open("audit");
  await page.getByLabel("Change", { exact: true }).selectOption("plan");
  await eventually(() => records(page).count(), (count) => count === 2);

  await page.getByLabel("Change", { exact: true }).selectOption("");
  await page.getByLabel("Object").fill(shared.key.key_id);
  await page.keyboard.press("Enter");
  await eventually(() => records(page).count(), (count) => count === 3);
  assert.ok(page.url().includes(`target=${shared.key.key_id}`));

  await page.reload();
  await eventually(() => records(page).count(), (count) => count === 3);
  await page.getByLabel("Period").selectOption("1d");
  await eventually(() => page.url(), (url) => url.includes("period=1d"));
  await eventually(() => records(page).count(), (count) => count === 3);

  await page.getByRole("button", { name: "Clear" }).click();
  await eventually(() => records(page).count(), (count) => count >= 7);
});

test("days are chosen in UTC", async ({ page, open, stub }) => {
  const audit = await stub("GET v1/audit", { json: { items: [record(1)], next_cursor: null } });
  await open("audit");
  await page.getByLabel("Period").selectOption("days");
  await page.getByLabel("First day (UTC)").fill("2026-11-01");
  await page.getByLabel("Last day (UTC)").fill("2026-11-29");
  await page.getByRole("button", { name: "Apply" }).click();
  const urls = () => audit.requests.map((request) => request.url());
  await eventually(urls, (all) => all.some((url) => url.includes("from=2026-11-01&to=2026-11-29")));
});

test("a link in a record shows only its target", async ({ page, open }) => {
  await open("audit");
  await page.getByRole("link", { name: /^Only this object ?: main$/ }).click();
  await eventually(() => records(page).count(), (count) => count === 1);
  assert.equal(await page.getByLabel("Object").inputValue(), "main");
});

test("a deployed stack has principals, and a link shows only one of them", async ({ page, open, stub }) => {
  const target = { kind: "deployed", label: "stack orders", version: "1", may_write: true };
  await stub("GET console/api/target", { json: target });
  const audit = await stub("GET v1/audit", { json: { items: [record(1)], next_cursor: null } });
  await open("audit");
  await records(page).getByText("Admin/alice", { exact: true }).waitFor();
  await page.getByRole("link", { name: /^Only by this principal ?: Admin\/alice$/ }).click();
  await eventually(() => page.getByLabel("Changed by").inputValue(), (value) => value === ALICE);
  const isFiltered = (request) => new URL(request.url()).searchParams.get("principal") === ALICE;
  await eventually(() => audit.requests.some(isFiltered));
});

test("no record of the filter, and none at all, say what to do next", async ({ page, open, stub }) => {
  await open("audit?target=missing");
  await page.getByText("No change matches the filter").waitFor();
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await eventually(() => records(page).count(), (count) => count >= 7);

  await stub("GET v1/audit", { json: { items: [], next_cursor: null } });
  await page.getByRole("button", { name: "Reload" }).click();
  await page.getByText("Nothing has changed in the last 31 days").waitFor();
  assert.equal(await page.getByRole("link", { name: "Create a plan" }).getAttribute("href"), "#/plans");
});

test("keys are found by their name, because records have only ids", async ({ page, open, gateway }) => {
  const { key_id: id } = await gateway.key({ name: "Beta GmbH", plan: "gold" });
  await open("audit?action=key.create");
  const created = records(page).filter({ hasText: id });
  const link = created.getByRole("link", { name: "Beta GmbH", exact: true });
  assert.equal(await link.getAttribute("href"), `#/keys/${id}`);

  await page.getByLabel("Object").fill("beta");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: `Changes of Beta GmbH (${id})` }).click();
  await eventually(() => records(page).count(), (count) => count === 1);
});

test("records are shown if the names of keys cannot be read", async ({ page, open, stub }) => {
  await stub("GET v1/keys", problem(403, "You may not list keys."));
  await open("audit");
  await eventually(() => records(page).count(), (count) => count >= 7);
});

test("older records are loaded on request, also after empty pages", async ({ page, open, stub }) => {
  const newest = { items: Array.from({ length: 60 }, (_, index) => record(index)), next_cursor: "second" };
  const answers = { second: { items: [], next_cursor: "third" }, third: { items: [record(60)], next_cursor: null } };
  const audit = await stub("GET v1/audit", (request) => {
    const cursor = new URL(request.url()).searchParams.get("cursor");
    return { json: cursor ? answers[cursor] : newest };
  });
  await open("audit?period=all");
  await eventually(() => records(page).count(), (count) => count === 60);
  assert.equal(audit.requests.length, 1);

  await page.getByRole("button", { name: "Load older records" }).click();
  await eventually(() => records(page).count(), (count) => count === 61);
  await page.getByText("61 records, no older ones in this period.").waitFor();
  // A cursor is valid only for the filter of its page.
  const froms = new Set(audit.requests.map((request) => new URL(request.url()).searchParams.get("from")));
  assert.equal(froms.size, 1);
});

test("a failed page of older records keeps the newer ones", async ({ page, open, stub }) => {
  await stub("GET v1/audit", (request) => (request.url().includes("cursor=")
    ? problem(503, "The store did not respond.")
    : { json: { items: Array.from({ length: 60 }, (_, index) => record(index)), next_cursor: "second" } }));
  await open("audit");
  await page.getByRole("button", { name: "Load older records" }).click();
  await page.getByText("The store did not respond.").waitFor();
  assert.equal(await records(page).count(), 60);
});

test("loading, slow, failed and denied are shown", async ({ page, open, stub, axe }) => {
  const slow = await stub("GET v1/audit", undefined, { delayMs: Infinity });
  await open("audit");
  await page.getByText("Loading records takes longer than usual").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The request was cancelled.").waitFor();
  slow.release();
  await slow.remove();

  const denied = await stub("GET v1/audit", problem(403, "You need execute-api:Invoke on GET /_tollgate/v1/audit."));
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("You need execute-api:Invoke").waitFor();
  await axe();
  await denied.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await eventually(() => records(page).count(), (count) => count >= 7);
});

test("all kinds of changes are readable", async ({ page, open, stub }) => {
  const fields = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`/field_${index}`, { new: index }]));
  const changes = { ...fields, "/routes/POST ~1payments/rate": { old: 1, new: 2 }, "/metadata/crm": "changed" };
  const grant = { quota: "month", amount: -1_500, grant_id: "77" };
  await stub("GET v1/audit", { json: { next_cursor: null, items: [
    record(1, { changes, unlisted_changes: 3 }),
    record(2, { action: "usage.revoke", target: "group#acme", changes: undefined, ...grant }),
    record(3, { action: "future.action", target: "x", changes: undefined }),
  ] } });
  await open("audit");
  const [first, second, third] = [0, 1, 2].map((index) => records(page).nth(index));
  await first.getByText("5 more fields").click();
  await first.getByText('routes["POST /payments"].rate').waitFor();
  await first.getByText("changed, the value is not recorded").waitFor();
  await first.getByText("3 more changed fields do not fit into the record.").waitFor();
  await second.getByText("-1,500 calls in the quota month").waitFor();
  assert.equal(await second.getByRole("link", { name: "group#acme", exact: true }).count(), 0);
  await third.getByText("future.action").first().waitFor();
});

async function downloadedText(page, button) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

test("records are downloaded as CSV and JSON, and formula cells are escaped", async ({ page, open }) => {
  await open(`audit?target=${shared.key.key_id}`);
  await eventually(() => records(page).count(), (count) => count === 3);

  const csv = await downloadedText(page, "Download CSV");
  assert.equal(csv.name, "audit.csv");
  const [header, ...rows] = csv.text.trim().split("\r\n");
  assert.equal(header, "at,principal,action,target,field,change,quota,amount,grant_id,request_id");
  assert.ok(rows.every((row) => row.includes(shared.key.key_id)));
  assert.ok(rows.some((row) => row.includes(",usage.grant,") && row.includes(",day,100,")), csv.text);

  const json = await downloadedText(page, "Download JSON");
  assert.equal(json.name, "audit.json");
  assert.deepEqual(JSON.parse(json.text).map(({ action }) => action), ["key.delete", "usage.grant", "key.create"]);
  assert.ok(csv.text.includes(",set to =1+1,"), csv.text);
});

test("a failed download says so", async ({ page, open, stub }) => {
  await open("audit");
  await records(page).first().waitFor();
  await stub("GET v1/audit", problem(500, "Tollgate failed."));
  await page.getByRole("button", { name: "Download CSV" }).click();
  const dialog = page.getByRole("dialog", { name: "Download of the records" });
  await dialog.getByText("Tollgate failed.").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
});

test("records are readable on a narrow screen", NARROW, async ({ page, open, axe }) => {
  await open("audit");
  await records(page).first().waitFor();
  const [width, visible] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(width <= visible, `${width} of ${visible}`);
  await axe();
});
