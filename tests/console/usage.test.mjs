// The page Usage: sums, the keys with the most calls, all keys, and the CSV file.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { consoleTests, eventually, problem } from "./harness.mjs";
import { DEPLOYED } from "./overview_data.mjs";

/** The days of the second plan are those of UTC, but its zone has another name. */
const PLANS = {
  daily: { quotas: [{ period: "day", limit: 8 }] },
  abidjan: { quotas: [{ period: "day", limit: 1_000, time_zone: "Africa/Abidjan" }] },
};
const KEYS = [
  { key_id: "busy", name: "Busy Ltd", plan: "abidjan", key: "seeded-busy-key-00000000001" },
  { key_id: "over", name: "Over Ltd", plan: "daily", key: "seeded-over-key-00000000001" },
  { key_id: "quiet", name: "Quiet Ltd", plan: "daily", group: "team", key: "seeded-quiet-key-0000000001" },
  { key_id: "gone", name: "Gone Ltd", plan: "abidjan", key: "seeded-gone-key-00000000001" },
  { key_id: "idle", name: "Idle Ltd", plan: "daily", group: "team", key: "seeded-idle-key-00000000001" },
];
/** The calls by key. The plan of `over` refuses three of them. */
const CALLS = { busy: 12, over: 11, quiet: 2, gone: 3, idle: 0 };

const test = consoleTests({ seeds: { plans: PLANS, keys: KEYS }, setUp: fill });

const LIST = "GET v1/usage";
const ROW = { name: null, group: null, plan: "daily", time_zone: "UTC", from: "2026-11-01", to: "2026-11-30", calls: 1, units: 1, refused: 0 };

async function fill(gateway) {
  for (const { key_id: id, key } of KEYS) await gateway.calls(CALLS[id], "/orders", { key });
  await gateway.admin("DELETE", "/keys/gone");
  // Refused calls are counted with the next charged call, or a moment later.
  await eventually(async () => (await gateway.admin("GET", "/usage?name=over")).items[0].refused, (refused) => refused === 3);
}

/** Returns the cells of each row of a table, without its head. */
async function rowsOf(page, name) {
  const rows = page.getByRole("table", { name, exact: true }).locator("tbody tr");
  return rows.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll(/\s+/g, " ").trim())));
}

function figure(page, title) {
  return page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: title, exact: true }) }).locator(".tile-value");
}

const queryOf = (request) => Object.fromEntries(new URL(request.url()).searchParams);

test("a month has its sums, the keys with the most calls and all keys", async ({ page, open, axe }) => {
  await open("usage");
  await eventually(() => figure(page, "Calls").innerText(), (text) => text === "25");
  assert.equal(await figure(page, "Refused").innerText(), "3");
  assert.equal(await figure(page, "Keys with calls").innerText(), "4 of 5");

  const top = await eventually(() => rowsOf(page, "Keys with the most calls"), (rows) => rows[0]?.[4] === "48%");
  assert.deepEqual(top[0], ["Busy Ltd busy", "12", "12", "0", "48%", "abidjan", "–"]);
  assert.deepEqual(top[1], ["Over Ltd over", "8", "8", "3", "32%", "daily", "–"]);
  assert.match(top[2][0], /^Gone Ltd gone deleted .* UTC\)$/);

  const all = await rowsOf(page, "Usage of all keys");
  assert.deepEqual(all.map(([key]) => key.split(" ")[0]).sort(), ["Busy", "Gone", "Idle", "Over", "Quiet"]);
  await page.getByText("The report has API keys only.").waitFor();
  await page.getByText("The plans of these keys count days in different time zones.").waitFor();
  await axe();

  await page.getByRole("table", { name: "Usage of all keys" }).getByRole("link", { name: "Quiet Ltd" }).click();
  await eventually(() => page.url(), (url) => url.endsWith("#/keys/quiet"));
});

test("the chart of the top keys has its numbers as a table", async ({ page, open }) => {
  await open("usage");
  const chart = page.getByRole("figure", { name: "Calls and refused calls of the top ten keys" });
  await chart.getByText("Show as a table").click();
  const name = "Calls and refused calls of the top ten keys: numbers";
  const rows = await eventually(() => rowsOf(page, name), (all) => all.length > 0);
  assert.deepEqual(rows.slice(0, 2), [["Busy Ltd", "12", "0"], ["Over Ltd", "8", "3"]]);
});

test("rows per day leave out days without calls, unless asked for", async ({ page, open, axe }) => {
  await open("usage");
  await page.getByLabel("Rows").selectOption({ label: "Per key and day" });
  await eventually(() => page.url(), (url) => url.endsWith("#/usage?by=day"));
  await page.getByRole("figure", { name: "Calls of the top ten keys by day" }).waitFor();
  const rows = await eventually(() => rowsOf(page, "Usage of all keys"), (all) => all.length > 0);
  assert.ok(rows.every(([, day, calls]) => /^\d{4}-\d{2}-\d{2}$/.test(day) && calls !== "0"), JSON.stringify(rows));
  await axe();

  await page.getByLabel("Also show days without calls").check();
  // On the first day of a month, only the key without calls is added.
  await eventually(() => rowsOf(page, "Usage of all keys"), (all) => all.length > rows.length);
});

test("plan and group select keys, in the address", async ({ page, open }) => {
  await open("usage");
  await page.getByLabel("Group").fill("team");
  await page.getByLabel("Group").press("Enter");
  await eventually(() => figure(page, "Keys with calls").innerText(), (text) => text === "1 of 2");
  await page.getByLabel("Plan").selectOption("daily");
  await eventually(() => page.url(), (url) => url.endsWith("#/usage?plan=daily&group=team"));

  await page.reload();
  assert.equal(await page.getByLabel("Group").inputValue(), "team");
  await eventually(() => page.getByLabel("Plan").inputValue(), (plan) => plan === "daily");
  await page.getByRole("button", { name: "Clear" }).click();
  await eventually(() => figure(page, "Keys with calls").innerText(), (text) => text === "4 of 5");
});

test("an earlier month and any days can be chosen", async ({ page, open, stub }) => {
  const { requests } = await stub(LIST, { json: { items: [], next_cursor: null } });
  await open("usage");
  const month = await page.getByLabel("Month").locator("option").nth(1).getAttribute("value");
  await page.getByLabel("Month").selectOption(month);
  await page.getByRole("heading", { name: await page.getByLabel("Month").locator("option:checked").innerText() }).waitFor();
  const { from, to } = await eventually(() => queryOf(requests.at(-1)), (query) => query.from === `${month}-01`);
  assert.match(to, new RegExp(`^${from.slice(0, 7)}-(28|29|30|31)$`));

  await page.getByLabel("Month").selectOption({ label: "Other days" });
  await page.getByLabel("First day").fill("2026-01-05");
  await page.getByLabel("Last day").fill("2026-01-20");
  await page.getByRole("heading", { name: "2026-01-05 to 2026-01-20" }).waitFor();
  await page.getByText("Calls are ordered per month. Choose a month").waitFor();
  await eventually(() => queryOf(requests.at(-1)), (query) => query.from === "2026-01-05" && query.to === "2026-01-20");
});

test("days that cannot be reported are marked, and not requested", async ({ page, open, stub }) => {
  const { requests } = await stub(LIST, { json: { items: [], next_cursor: null } });
  await open("usage?from=2026-01-05&to=2026-01-20");
  await page.getByRole("heading", { name: "2026-01-05 to 2026-01-20" }).waitFor();
  await page.getByLabel("First day").fill("2020-01-01");
  await page.getByText("A report has at most 366 days.").waitFor();
  assert.equal(await page.getByLabel("First day").getAttribute("aria-invalid"), "true");
  await page.getByLabel("First day").fill("2026-01-21");
  await page.getByText("The first day is after the last day.").waitFor();
  assert.ok(requests.every((request) => queryOf(request).from === "2026-01-05"));
});

test("a time zone that a plan does not have is refused with the reason", async ({ page, open, allowErrors }) => {
  allowErrors(/status of 422/);
  await open("usage?zone=Africa/Abidjan");
  await page.getByRole("alert").getByText(/counts days in/).first().waitFor();
  await page.getByLabel("Plan").selectOption("abidjan");
  await eventually(() => figure(page, "Calls").innerText(), (text) => text === "15");
});

test("pages are turned, and pages without rows are skipped", async ({ page, open, stub }) => {
  const pageOf = (cursor) => {
    if (cursor === "empty") return { items: [], next_cursor: "last" };
    if (cursor === "last") return { items: [{ ...ROW, key_id: "b" }], next_cursor: null };
    return { items: [{ ...ROW, key_id: "a" }], next_cursor: "empty" };
  };
  await stub(LIST, (request) => ({ json: pageOf(queryOf(request).cursor) }));
  await open("usage");
  const keys = async () => (await rowsOf(page, "Usage of all keys")).map(([key]) => key);
  await eventually(keys, ([key]) => key === "a");
  assert.ok(await page.getByRole("button", { name: "Previous" }).isDisabled());

  await page.getByRole("button", { name: "Next" }).click();
  await eventually(keys, ([key]) => key === "b");
  await page.getByText("Page 2, 1 key").waitFor();
  assert.ok(await page.getByRole("button", { name: "Next" }).isDisabled());
  await page.getByRole("button", { name: "Previous" }).click();
  await eventually(keys, ([key]) => key === "a");
});

test("the CSV file has all pages of the API with one header", async ({ page, gateway, open, stub }) => {
  const { requests } = await stub(LIST, (request) => {
    if (request.headers().accept !== "text/csv") return undefined;
    const { cursor } = queryOf(request);
    return cursor
      ? { text: "busy,2\nover,3\n" }
      : { text: "key_id,calls\nacme,1\n", headers: { "x-next-cursor": "2" } };
  });
  await open("usage");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download CSV" }).click()]);
  assert.match(file.suggestedFilename(), /^tollgate-usage-\d{4}-\d{2}\.csv$/);
  assert.equal(await readFile(await file.path(), "utf8"), "key_id,calls\nacme,1\nbusy,2\nover,3\n");
  await page.getByText("Downloaded 3 rows").waitFor();
  const cursors = requests.filter((request) => request.headers().accept === "text/csv").map((request) => queryOf(request).cursor);
  assert.deepEqual(cursors, [undefined, "2"]);
});

test("the CSV file of the gateway is that of its API", async ({ page, gateway, open }) => {
  await open("usage?by=day&plan=daily");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download CSV" }).click()]);
  const expected = await gateway.admin("GET", "/usage?by=day&plan=daily", undefined, { headers: { accept: "text/csv" } });
  assert.match(expected, /^key_id,name,/);
  assert.equal(await readFile(await file.path(), "utf8"), expected);
  assert.match(file.suggestedFilename(), /-by-day\.csv$/);
});

test("a download shows its progress and can be cancelled", async ({ page, open, stub }) => {
  let csv;
  csv = await stub(LIST, (request) => {
    if (request.headers().accept !== "text/csv") return undefined;
    return { text: "key_id,calls\nacme,1\n", headers: { "x-next-cursor": String(csv.requests.length) } };
  });
  await open("usage");
  await page.getByRole("button", { name: "Download CSV" }).click();
  await page.getByText(/\d+ rows loaded …/).waitFor();
  await page.getByRole("button", { name: "Cancel the download" }).click();
  await page.getByRole("button", { name: "Download CSV" }).waitFor();
});

test("a failed download says why, and is tried again", async ({ page, open, stub, axe }) => {
  let hasFailed = false;
  await stub(LIST, (request) => {
    if (request.headers().accept !== "text/csv") return undefined;
    if (hasFailed) return { text: "key_id,calls\nacme,1\n" };
    hasFailed = true;
    return problem(503, "The table does not respond.");
  });
  await open("usage");
  await page.getByRole("button", { name: "Download CSV" }).click();
  const dialog = page.getByRole("dialog", { name: "The download failed" });
  await dialog.getByText("The table does not respond.").waitFor();
  await axe();
  await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Try again" }).click()]);
  await page.getByText("Downloaded 1 row").waitFor();
});

test("too many keys to order are a failure of that part only", async ({ page, open, stub }) => {
  const detail = "there are more than 10,000 keys: select a `plan` or a `group`";
  await stub(LIST, (request) => (queryOf(request).order ? problem(422, detail) : undefined));
  await open("usage");
  await page.getByText(detail.replaceAll("`", "")).waitFor();
  await eventually(() => rowsOf(page, "Usage of all keys"), (rows) => rows.length === 5);
  assert.equal(await figure(page, "Calls").innerText(), "25");
});

test("a slow order is reported and can be cancelled", async ({ page, open, stub }) => {
  await stub(LIST, (request) => (queryOf(request).order ? { json: { items: [], next_cursor: null } } : undefined), { delayMs: Infinity });
  await open("usage");
  await page.getByText("Finding the keys with the most calls takes longer than usual …").waitFor();
  const section = page.locator("section").filter({ has: page.getByRole("heading", { name: "Top ten keys by calls" }) });
  await section.getByRole("button", { name: "Cancel" }).click();
  await section.getByText("The request was cancelled.").waitFor();
});

test("failed sums are reported and added up again", async ({ page, open, stub }) => {
  const failing = await stub(LIST, problem(500, "The table is gone."));
  await open("usage");
  const notice = page.getByRole("alert").filter({ hasText: "The sums are not known" });
  await notice.getByText("The table is gone.").waitFor();
  await failing.remove();
  await notice.getByRole("button", { name: "Try again" }).click();
  await eventually(() => figure(page, "Calls").innerText(), (text) => text === "25");
});

test("a missing permission is named", async ({ page, open, stub }) => {
  await stub(LIST, problem(403, "The role may not call GET /_tollgate/v1/usage."));
  await open("usage");
  await page.getByText("The role may not call GET /_tollgate/v1/usage.").first().waitFor();
});

test("without keys, the page leads to the first one", async ({ page, open, stub, axe }) => {
  await stub(LIST, { json: { items: [], next_cursor: null } });
  await open("usage");
  await page.getByText("There are no keys").waitFor();
  await axe();
  await page.getByRole("link", { name: "Create a key" }).click();
  await page.getByRole("dialog").waitFor();
});

test("a filter without a match says so", async ({ page, open }) => {
  await open("usage?group=unknown");
  await page.getByText("No key matches").waitFor();
  await page.getByText(/^No key was called in /).waitFor();
  await page.getByRole("button", { name: "Show all keys" }).click();
  await eventually(() => rowsOf(page, "Usage of all keys"), (rows) => rows.length === 5);
});

test("reads of many keys of a deployed stack are done on request", async ({ page, open, stub, axe }) => {
  await stub("GET console/api/target", { json: DEPLOYED });
  const { requests } = await stub(LIST, () => undefined);
  await open("usage");
  await eventually(() => rowsOf(page, "Usage of all keys"), (rows) => rows.length === 5);
  assert.deepEqual(requests.filter((request) => queryOf(request).order), []);
  assert.equal(requests.length, 1, "one page only");
  await axe();

  await page.getByRole("button", { name: "Find the top ten" }).click();
  await eventually(() => rowsOf(page, "Keys with the most calls"), (rows) => rows[0]?.[4] === "48%");
  await page.getByText("Share of these").waitFor();
  await page.getByRole("button", { name: "Add up all keys" }).click();
  await page.getByText("Share of all calls").waitFor();
});

test("the page fits a narrow screen", { viewport: { width: 375, height: 800 } }, async ({ page, open, axe }) => {
  await open("usage?by=day");
  await eventually(() => rowsOf(page, "Usage of all keys"), (rows) => rows.length > 0);
  const [width, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(width <= visible, `${width} is wider than ${visible}`);
  await axe();
});
