// The page Plans: the list, a new plan, a change and what it does, conflicts and deletion.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";
import { layoutProblems, settled } from "./pages.mjs";

const DAY = { throttle: { rate: 50, burst: 50 }, quotas: [{ limit: 100, period: "day" }] };

const SEEDS = {
  plans: {
    basic: DAY,
    closed: { enabled: false, throttle: { rate: 1, burst: 1 } },
    trial: { shadow: true, quotas: [{ limit: 5, period: "total" }] },
    team: { shared_by_plan: true, algorithm: "sliding_window", window_s: 60, limit: 30, routes: { "POST /pay": { rate: 1, burst: 2 } } },
  },
  keys: [
    { key: "plans-first-key-0000000001", key_id: "first", plan: "basic", name: "First shop" },
    { key: "plans-second-key-000000001", key_id: "second", plan: "basic" },
  ],
};

const test = consoleTests({
  seeds: SEEDS,
  setUp: async (gateway) => {
    await gateway.admin("PUT", "/plans/declared", DAY, { headers: { "x-tollgate-managed-by": "team-repo" } });
    await gateway.calls(3, "/orders", { key: SEEDS.keys[0].key });
  },
});

const CHECK = "POST console/api/plans/check";

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const json = (page) => page.getByRole("textbox", { name: "JSON" });
const save = (page) => page.getByRole("button", { name: "Save the plan" });

/** Waits until the check of the text has this result. */
const checked = (page, text) => page.locator(".editor-tools [role=status]").filter({ hasText: text }).waitFor();

/** Creates a plan for one test, and opens it. */
async function openPlan({ page, gateway, open }, name, plan = DAY) {
  await gateway.plan(name, plan);
  await open(`plans/${name}`);
  await json(page).waitFor();
  await checked(page, "Valid");
}

test("the list shows limits, keys and states", async ({ page, open }) => {
  await open("plans");
  const text = async (name) => (await row(page, name).innerText()).replaceAll(/\s+/g, " ");
  await eventually(() => text("basic"), (shown) => shown.includes("50/s, burst 50, 100 per day 2"));
  const shows = (name, expected) => eventually(() => text(name), (shown) => expected.test(shown));
  await shows("closed", /disabled/);
  await shows("trial", /5 in total 0 dry run/);
  await shows("team", /30 per 60 s 1 route has its own rate 0 shared by all keys/);
  await shows("declared", /managed by team-repo/);

  await row(page, "basic").getByRole("link", { name: "2" }).click();
  await page.getByRole("heading", { level: 1, name: "Keys" }).waitFor();
  await page.getByText("First shop").first().waitFor();
});

test("a list without plans leads to the first plan", async ({ page, open, stub, axe }) => {
  await stub("GET v1/plans", { json: { items: [], next_cursor: null } });
  await open("plans");
  await page.getByText("There are no plans yet").waitFor();
  await axe();
  await page.locator(".empty").getByRole("button", { name: "Create a plan" }).click();
  await page.getByRole("heading", { level: 1, name: /New plan/ }).waitFor();
});

test("a number of keys that cannot be read is named", async ({ page, open, stub }) => {
  await stub("GET v1/keys", (request) => (request.url().includes("plan=trial") ? problem(500, "The index is busy.") : undefined));
  await open("plans");
  await page.getByText("Keys on trial").waitFor();
  await page.getByText("The index is busy.").waitFor();
  await eventually(() => row(page, "basic").innerText(), (text) => text.includes("2"));
});

test("keys are counted up to a bound", async ({ page, open, stub }) => {
  const items = Array.from({ length: 100 }, (_, index) => ({ key_id: `key_${index}`, plan: "basic", enabled: true, scopes: [], metadata: {} }));
  let number = 0;
  const nextPage = () => ({ json: { items, next_cursor: `page-${(number += 1)}` } });
  const keys = await stub("GET v1/keys", nextPage);
  await open("plans");
  await row(page, "basic").getByRole("link", { name: "over 1,000" }).waitFor();
  const asked = keys.requests.filter((request) => request.url().includes("plan=basic"));
  assert.equal(asked.length, 11);

  await open("plans/basic");
  await page.getByRole("link", { name: "over 2,000 keys" }).waitFor();
});

test("a plan is created with the form", async ({ page, gateway, open, axe }) => {
  await open("plans");
  await page.getByRole("button", { name: "Create a plan" }).click();
  await page.getByLabel("Calls per second").fill("7");
  await page.getByLabel("Burst, in calls").fill("9");
  const quota = page.getByRole("group", { name: "Quota day" });
  await quota.getByLabel("Calls", { exact: true }).fill("70");
  await page.getByRole("button", { name: "Add a quota" }).click();
  const week = page.getByRole("group", { name: "Quota week" });
  await week.getByLabel("Starts on").selectOption("Sunday");
  await week.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByLabel("While the store does not respond").selectOption("deny");
  await page.getByLabel(/near it/).fill("0.9");
  await page.getByLabel(/^All callers/).check();
  await checked(page, "Valid");
  await axe();

  const create = page.getByRole("button", { name: "Create the plan" });
  const name = page.getByLabel("Name", { exact: true }).first();
  await create.click();
  await page.getByText("Enter a name.").waitFor();
  await eventually(() => name.evaluate((field) => field === document.activeElement));
  await name.fill("from form");
  await create.click();
  await page.getByText("The name needs 1 to 64 letters").waitFor();
  await eventually(() => name.evaluate((field) => field === document.activeElement));
  await page.getByLabel("Name", { exact: true }).first().fill("from-form");
  await page.keyboard.press("Enter");

  await page.getByText("The plan from-form is created.").waitFor();
  assert.deepEqual(await gateway.admin("GET", "/plans/from-form"), {
    throttle: { rate: 7, burst: 9 },
    quotas: [{ limit: 70, period: "day" }, { limit: 1000, period: "week", time_zone: "Europe/Berlin", starts_on: 7 }],
    on_store_failure: "deny",
    near_limit: 0.9,
    shared_by_plan: true,
  });
  const link = page.getByRole("link", { name: "Create a key on this plan" });
  await link.waitFor();
  await page.reload();
  await checked(page, "Valid");
  assert.equal(await page.getByText("The plan from-form is created.").count(), 0, "a reload creates nothing");
  assert.ok(page.url().endsWith("#/plans/from-form"));
});

test("a new plan leads to its first key", async ({ page, open }) => {
  await open("plans/+new");
  await page.getByLabel("Name", { exact: true }).first().fill("with-key");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Create a key on this plan" }).click();
  const chosen = page.getByRole("dialog").getByLabel("Plan", { exact: true });
  await eventually(() => chosen.inputValue(), (value) => value === "with-key");
});

test("the name of a new plan must be free", async ({ page, open, allowErrors, gateway }) => {
  allowErrors(/status of 412/);
  await open("plans/+new");
  await page.getByLabel("Name", { exact: true }).first().fill("basic");
  await page.getByRole("button", { name: "Create the plan" }).click();
  await page.getByText("This name exists already.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/basic")).throttle.rate, 50);
});

test("a new plan begins with a copy", async ({ page, open }) => {
  await open("plans");
  await page.getByRole("button", { name: "Copy the plan team" }).click();
  await eventually(() => json(page).inputValue(), (text) => text.includes("POST /pay"));
  assert.equal(await page.getByLabel("Kind of limit").inputValue(), "window");
  await page.getByText("This plan has routes.").waitFor();
});

test("the form and the JSON are in sync", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "synced");
  await page.getByLabel("Calls per second").fill("1.5");
  assert.equal(JSON.parse(await json(page).inputValue()).throttle.rate, 1.5);
  await page.getByLabel("Calls per second").fill("2.");
  assert.equal(await page.getByLabel("Calls per second").inputValue(), "2.", "the text stays as it is typed");

  await json(page).fill('{"throttle": {"rate": 3, "burst": 4}, "shadow": true}');
  assert.equal(await page.getByLabel("Burst, in calls").inputValue(), "4");
  assert.ok(await page.getByLabel(/^Dry run/).isChecked());
  assert.equal(await page.getByRole("group", { name: /^Quota / }).count(), 0);

  await json(page).fill('{"throttle": ');
  await page.getByText("Correct the JSON to use the form.").waitFor();
  assert.ok(await page.getByLabel("Burst, in calls").isDisabled());
  await json(page).fill("{}");
  assert.equal(await page.getByLabel("Kind of limit").inputValue(), "none");
  await page.getByLabel("Kind of limit").selectOption("window");
  assert.deepEqual(JSON.parse(await json(page).inputValue()), { algorithm: "sliding_window", window_s: 60, limit: 100 });
});

test("mistakes are found while typing and lead to their line", async (fixture) => {
  const { page, axe } = fixture;
  await openPlan(fixture, "mistaken");
  await json(page).fill('{\n  "throttle": { "rate": -1, "burst": 5 },\n  "quotas": [\n    { "limit": 5, "period": "fortnight" }\n  ]\n}');
  await checked(page, "2 mistakes");
  assert.ok(await save(page).isDisabled());
  await page.getByText("Correct the mistakes to save.").waitFor();
  assert.equal(await page.locator(".editor-mark.problem").count(), 2);
  await page.locator(".plan-form .field-error").filter({ hasText: "The value is -1" }).waitFor();
  await axe();

  const list = page.getByRole("list", { name: "Mistakes and warnings" });
  await list.getByRole("button", { name: /^Line 4/ }).click();
  const [value, start] = await json(page).evaluate((area) => [area.value, area.selectionStart]);
  assert.equal(value.slice(0, start).split("\n").length, 4);
  assert.ok(await json(page).evaluate((area) => area === document.activeElement));

  await page.getByLabel("Calls per second").fill("many");
  await page.locator(".plan-form .field-error").filter({ hasText: "The value is invalid, expected a number." }).waitFor();
});

test("unfinished JSON says what is unfinished", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "unfinished");
  const mistakes = page.getByRole("list", { name: "Mistakes and warnings" });
  const texts = [
    ['{"quotas": [', "The text ends before a list is closed."],
    ["{", "The text ends before an object is closed."],
    ['{"quo', "The text ends before a string is closed."],
    ['{"quotas":', "The text ends where a value is expected."],
  ];
  for (const [text, expected] of texts) {
    await json(page).fill(text);
    await mistakes.getByText(expected).waitFor();
  }
});

test("disabling a plan asks first", async (fixture) => {
  const { page, gateway } = fixture;
  await openPlan(fixture, "disabled-later");
  await page.getByLabel(/^Disabled/).check();
  await checked(page, "Valid");
  await save(page).click();
  await page.getByRole("dialog").getByText("All calls of keys, tokens and certificates on this plan").waitFor();
  await page.keyboard.press("Escape");
  assert.notEqual((await gateway.admin("GET", "/plans/disabled-later")).enabled, false);

  await save(page).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save and disable" }).click();
  await page.getByText("The plan disabled-later is saved.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/disabled-later")).enabled, false);
});

test("JSON that is not a plan keeps the editor and its text", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "shapeless");
  for (const text of ['{ "quotas": {} }', '{ "quotas": [null] }', '{ "routes": [null] }', "[1]", '{ "quotas": [{ "limit": 1, "period": "day", "name": { "toString": 1 } }] }']) {
    await json(page).fill(text);
    await checked(page, "mistake");
    assert.equal(await json(page).inputValue(), text);
  }
});

test("a warning does not prevent saving", async (fixture) => {
  const { page, gateway } = fixture;
  await openPlan(fixture, "warned");
  await page.getByLabel("Burst, in calls").fill("1");
  await checked(page, "1 warning");
  await save(page).click();
  await page.getByText("The plan warned is saved, with warnings.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/warned")).throttle.burst, 1);
});

test("the newest check wins", async (fixture) => {
  const { page, stub } = fixture;
  await openPlan(fixture, "racing");
  const answer = (request) => {
    const { text } = request.postDataJSON();
    return { json: { valid: false, warnings: [], errors: [{ pointer: "", line: 1, column: 1, detail: `checked ${text}` }] } };
  };
  const slow = await stub(CHECK, (request) => answer(request), { delayMs: Infinity });
  await json(page).fill("one");
  await eventually(() => slow.requests.length, (count) => count === 1);
  await json(page).fill("two");
  await eventually(() => slow.requests.length, (count) => count === 2);
  slow.release();
  await page.getByText("checked two").waitFor();
  assert.equal(await page.getByText("checked one").count(), 0);
});

test("without the check, a plan can still be saved", async (fixture) => {
  const { page, stub, gateway, allowErrors } = fixture;
  allowErrors(/status of 422/);
  await openPlan(fixture, "unchecked");
  await stub(CHECK, problem(503, "The check is busy."));
  await page.getByLabel("Calls per second").fill("-4");
  await page.getByText("The check is busy.").waitFor();
  await checked(page, "Not checked");

  await save(page).click();
  await page.getByText("throttle.rate is -4").first().waitFor();
  await page.getByLabel("Calls per second").fill("4");
  await save(page).click();
  await page.getByText("The plan unchecked is saved.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/unchecked")).throttle.rate, 4);
});

test("before saving, the page says what the change does", async ({ page, open, axe, stub }) => {
  // Usage reaches reports with a delay that depends on the store.
  await stub("GET v1/plans/basic/usage", (request) => {
    const parameters = new URL(request.url()).searchParams;
    assert.equal(parameters.get("from"), parameters.get("to"), "the current day");
    const row = (key_id, units) => ({ key_id, name: null, group: null, plan: "basic", time_zone: "UTC", calls: units, units, refused: 0 });
    return { json: { items: [row("first", 60), row("second", 3)], next_cursor: null } };
  });
  await open("plans/basic");
  await page.getByText("2 keys are on this plan").waitFor();
  await page.getByText("Nothing is changed yet.").waitFor();

  await page.getByLabel("Calls", { exact: true }).fill("50");
  await page.getByLabel("Calls per second").fill("80");
  const section = page.locator("section").filter({ has: page.getByRole("heading", { name: "What this change does" }) });
  await section.getByText("Quota day: 50 calls instead of 100.").waitFor();
  await section.getByText("Rate: 80 per second instead of 50.").waitFor();
  await section.getByText("The quota day would refuse 1 of 2 callers at once").waitFor();
  await section.getByRole("link", { name: "first" }).waitFor();
  assert.equal(await section.getByRole("link", { name: "second" }).count(), 0);
  await axe();

  await page.getByLabel("Calls", { exact: true }).fill("90");
  await section.getByText("No key has used up the new quota day").waitFor();
  await page.getByLabel(/^Disabled/).check();
  await section.getByText("All calls of 2 keys will be refused with 403").waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await page.getByText("Nothing is changed yet.").waitFor();
});

test("calls that were made count for a lower quota", async (fixture) => {
  const { page, gateway } = fixture;
  await gateway.plan("used", DAY);
  const { key, key_id: id } = await gateway.key({ plan: "used" });
  await gateway.calls(4, "/orders", { key });
  await openPlan(fixture, "used");
  await page.getByLabel("Calls", { exact: true }).fill("4");
  await page.getByText("The quota day would refuse 1 of 1 caller at once").waitFor();
  await page.locator(".notice").getByRole("link", { name: id }).waitFor();

  await save(page).click();
  await page.getByText("The plan used is saved.").waitFor();
  await page.locator(".save-bar").getByText("Saved.").waitFor();
  await eventually(() => gateway.call("/orders", { key }), (status) => status === 429);
});

test("usage that cannot be compared says why", async (fixture) => {
  const { page, stub } = fixture;
  await openPlan(fixture, "hourly", { quotas: [{ limit: 100, period: "hour" }] });
  await page.getByLabel("Calls", { exact: true }).fill("10");
  await page.getByText("Usage reports have days").waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();

  await openPlan(fixture, "failing");
  await stub("GET v1/plans/failing/usage", problem(500, "The usage table does not respond."));
  await page.getByLabel("Calls", { exact: true }).fill("10");
  await page.getByText("The usage table does not respond.").waitFor();
});

test("a plan that changed in the meantime is shown side by side", async (fixture) => {
  const { page, gateway, allowErrors, axe } = fixture;
  allowErrors(/status of 412/);
  await openPlan(fixture, "contested");
  await page.getByLabel("Calls per second").fill("11");
  await gateway.plan("contested", { ...DAY, throttle: { rate: 22, burst: 50 } });
  await save(page).click();

  await page.getByRole("heading", { name: "The plan contested has changed in the meantime" }).waitFor();
  const changed = page.getByRole("row").filter({ hasText: "changed" });
  assert.match((await changed.innerText()).replaceAll(/\s+/g, " "), /"rate": 11.* changed .*"rate": 22/);
  await axe();

  await page.getByRole("button", { name: "Edit my version" }).click();
  assert.equal(await page.getByLabel("Calls per second").inputValue(), "11");
  await page.getByText("Rate: 11 per second instead of 22.").waitFor();
  await gateway.plan("contested", { ...DAY, throttle: { rate: 33, burst: 50 } });
  await save(page).click();
  await page.getByRole("button", { name: /^Keep mine/ }).click();
  await page.getByText("The plan contested is saved.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/contested")).throttle.rate, 11);

  await page.getByLabel("Calls per second").fill("12");
  await gateway.plan("contested", { ...DAY, throttle: { rate: 44, burst: 50 } });
  await save(page).click();
  await page.getByRole("button", { name: /^Take theirs/ }).click();
  assert.equal(await page.getByLabel("Calls per second").inputValue(), "44");
  await page.getByText("No changes.").waitFor();
});

test("a plan that was deleted in the meantime can be created again", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/status of (412|404)/);
  await openPlan(fixture, "vanished");
  await page.getByLabel("Calls per second").fill("11");
  await gateway.admin("DELETE", "/plans/vanished");
  await save(page).click();
  await page.getByRole("heading", { name: "The plan vanished no longer exists" }).waitFor();
  await page.getByRole("button", { name: "Create it again" }).click();
  await page.getByText("The plan vanished is created.").waitFor();
  assert.equal((await gateway.admin("GET", "/plans/vanished")).throttle.rate, 11);
});

test("a plan that does not exist leads back to the list", async ({ page, open, allowErrors }) => {
  allowErrors(/status of 404/);
  await open("plans/unknown");
  await page.getByText("There is no plan unknown").waitFor();
  await page.getByRole("link", { name: "Show all plans" }).click();
  await page.getByRole("heading", { level: 1, name: "Plans", exact: true }).waitFor();
});

test("a plan that is managed by a program warns of it", async ({ page, open }) => {
  await open("plans/declared");
  await page.getByText("This plan is managed by team-repo").waitFor();
  await page.getByText("tollgate apply").waitFor();
});

test("a plan with keys is not deleted, and the keys are named", async ({ page, open, axe, gateway }) => {
  await open("plans");
  await page.getByRole("button", { name: "Delete the plan basic" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 keys are on it").waitFor();
  await dialog.getByRole("link", { name: "First shop" }).waitFor();
  await axe();
  await page.keyboard.press("Escape");
  await eventually(() => dialog.count(), (count) => count === 0);
  assert.ok(await gateway.admin("GET", "/plans/basic"));
});

test("an unused plan is deleted", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "unused");
  await page.getByRole("button", { name: "Delete the plan" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the plan" }).click();
  await page.getByRole("heading", { level: 1, name: "Plans", exact: true }).waitFor();
  await settled(page);
  assert.equal(await row(page, "unused").count(), 0);
});

test("a plan that a policy names is not deleted", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/status of 409/);
  const rule = { match: "GET /", auth: "none", plan: "named", limit_by: "ip" };
  await gateway.plan("named", DAY);
  await gateway.admin("PUT", "/policies/naming", { rules: [rule] });
  await openPlan(fixture, "named");
  await page.getByRole("button", { name: "Delete the plan" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Delete the plan" }).click();
  await dialog.getByText(/naming/).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
});

test("leaving with unsaved changes asks first", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "leaving");
  await page.getByLabel("Calls per second").fill("11");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Keys" }).click();
  await page.getByRole("dialog").getByText("The changes of the plan leaving are not saved.").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByLabel("Calls per second").inputValue(), "11");
});

test("a lost connection is no longer reported once there is one", async (fixture) => {
  const { page, stub } = fixture;
  await openPlan(fixture, "offline");
  await page.getByLabel("Calls per second").fill("12");
  await checked(page, "Valid");
  const lost = await stub("PUT v1/plans/offline", { abort: true });
  await save(page).click();
  const error = page.locator("main").getByRole("alert").filter({ hasText: "No connection" });
  await error.first().waitFor();

  await lost.remove();
  await page.getByLabel("Calls per second").fill("13");
  await checked(page, "Valid");
  await eventually(() => error.count(), (count) => count === 0);
});

test("a refusal to save is learned and shown at the button", async (fixture) => {
  const { page, stub } = fixture;
  const reason = "User alice is not authorized to perform execute-api:Invoke.";
  await openPlan(fixture, "refused");
  await stub("PUT v1/plans/*", problem(403, reason));
  await page.getByLabel("Calls per second").fill("11");
  await save(page).click();
  await page.locator(".denied-reason").filter({ hasText: reason }).waitFor();
  assert.equal(await save(page).getAttribute("aria-disabled"), "true");
});

test("the keyboard is not trapped in the editor", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "keyboard");
  const isInEditor = () => json(page).evaluate((area) => area === document.activeElement);
  await page.getByRole("button", { name: "Format" }).focus();
  await page.keyboard.press("Tab");
  assert.ok(await isInEditor());
  await page.keyboard.press("Tab");
  assert.ok(!(await isInEditor()), "Tab moves on before the text is changed");

  await json(page).fill("");
  await page.keyboard.type("{");
  await page.keyboard.press("Enter");
  await page.keyboard.type('"lease": 1');
  assert.equal(await json(page).inputValue(), '{\n  "lease": 1');
  await page.keyboard.press("Tab");
  assert.ok(await isInEditor(), "Tab indents while typing");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.ok(!(await isInEditor()), "Tab moves on after Esc");
});

test("formatting keeps the value and can be undone", async (fixture) => {
  const { page } = fixture;
  await openPlan(fixture, "formatted");
  const text = '{"throttle":{"rate":1,"burst":5},"quotas":[{"limit":1,"period":"day"}]}';
  await json(page).fill(text);
  await page.getByRole("button", { name: "Format" }).click();
  const formatted = await json(page).inputValue();
  assert.notEqual(formatted, text);
  assert.deepEqual(JSON.parse(formatted), JSON.parse(text));
  await json(page).press("Control+z");
  assert.equal(await json(page).inputValue(), text);

  await json(page).fill("{");
  await page.getByRole("button", { name: "Format" }).click();
  await page.getByText("cannot be formatted").waitFor();
});

test("a plan fits on a phone", { viewport: { width: 375, height: 700 } }, async (fixture) => {
  const { page, gateway, allowErrors, axe } = fixture;
  allowErrors(/status of 412/);
  await openPlan(fixture, "small");
  const dryRun = page.getByLabel(/^Dry run/);
  const [box, label] = [await dryRun.boundingBox(), await page.locator("label").filter({ hasText: "Dry run" }).boundingBox()];
  assert.ok(label.x > box.x + box.width && label.y < box.y + box.height, "the text begins next to its box");
  await page.getByLabel("Calls per second").fill("x".repeat(60));
  await checked(page, "1 mistake");
  assert.deepEqual(await layoutProblems(page), []);
  await page.getByLabel("Calls per second").fill("5");
  await gateway.plan("small", {});
  await save(page).click();
  await page.getByRole("button", { name: /^Keep mine/ }).waitFor();
  assert.deepEqual(await layoutProblems(page), []);
  await axe();
});
