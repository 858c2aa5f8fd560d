// The page of a key: what it has left, its usage and refusals, grants, and every change.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";
import { LIVE_MS } from "./journey.mjs";

const PLANS = {
  slow: { throttle: { rate: 0.001, burst: 3 }, quotas: [{ limit: 100, period: "day" }] },
  tiny: { quotas: [{ limit: 2, period: "month" }] },
  large: { throttle: { rate: 50, burst: 100 }, quotas: [{ limit: 1000, period: "day" }] },
  open: {},
  off: { enabled: false, quotas: [{ limit: 5, period: "day" }] },
};
const test = consoleTests({ seeds: { plans: PLANS, keys: [] } });

/** Creates a key and opens its page. */
async function openKey({ gateway, open, page }, fields) {
  const key = await gateway.key(fields);
  await open(`keys/${key.key_id}`);
  await page.getByRole("heading", { name: "Details" }).waitFor();
  return key;
}

/** Returns the row of a limit. */
function limit(page, name) {
  return page
    .getByRole("region", { name: "Limits of the key" })
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name }) });
}

/** Returns the number that is left of a limit. */
async function left(page, name) {
  return limit(page, name).locator(".left").innerText();
}

/** Returns the button in the head of the page. */
function grantButton(page) {
  return page.locator(".page-head").getByRole("button", { name: "Grant calls" });
}

function stored(gateway, { key_id: id }) {
  return gateway.admin("GET", `/keys/${id}`);
}

test("a call appears at the next request of the page, in the windows and in the chart", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { name: "Live shop", plan: "slow" });
  await eventually(
    () => left(page, "day"),
    (text) => text === "100",
  );

  assert.equal(await gateway.call("/orders", { key: key.key }), 200);
  const start = Date.now();
  await eventually(
    () => left(page, "day"),
    (text) => text === "99",
  );
  await eventually(
    () => left(page, "burst"),
    (text) => text === "2",
  );
  assert.ok(Date.now() - start < LIVE_MS, `${Date.now() - start} ms`);

  await page.getByText("1 call, and 0 refused by limits").waitFor();
  await page.getByText("A call with this key would be allowed now.").waitFor();
});

test("showing what is left charges nothing", async (fixture) => {
  const { page, stub } = fixture;
  const peeks = await stub("POST v1/decisions", () => undefined);
  await openKey(fixture, { plan: "slow" });
  await eventually(() => peeks.requests.length >= 4);
  assert.equal(await left(page, "day"), "100");
  assert.equal(await left(page, "burst"), "3");
});

test("a throttled caller finds the refusal, its reason and the next step", async (fixture) => {
  const { page, gateway, axe } = fixture;
  const key = await openKey(fixture, { plan: "slow" });
  assert.deepEqual((await gateway.calls(4, "/orders", { key: key.key })).at(-1), 429);

  await page.getByText("A call with this key would be refused now: Rate limit reached.").waitFor();
  assert.equal(await left(page, "burst"), "0");
  const refusals = page.getByRole("region", { name: "Recent refusals of this key" });
  await refusals.getByRole("button", { name: "Rate limit reached" }).first().click();
  await refusals.getByText("Used up:").waitFor();
  await axe();
});

test("granted calls work at once and can be revoked", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "tiny" });
  assert.deepEqual(await gateway.calls(3, "/orders", { key: key.key }), [200, 200, 429]);

  await grantButton(page).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Calls to add").fill("5");
  await page.keyboard.press("Enter");
  await page.getByText("5 calls granted for the quota month").waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 200);
  await eventually(
    () => left(page, "month"),
    (text) => text === "4",
  );

  const grants = page.getByRole("region", { name: "Grants of the current periods" });
  await grants.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The grant was revoked").waitFor();
  await grants.getByText("4 calls taken back").waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 429);
});

test("a grant has to be a whole number, and a negative one removes calls", async (fixture) => {
  const { page } = fixture;
  await openKey(fixture, { plan: "slow" });
  await grantButton(page).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Calls to add").fill("1.5");
  await dialog.getByText("Enter a whole number other than 0, without separators.").waitFor();
  await dialog.getByLabel("Calls to add").fill("99999999999999999999");
  await dialog.getByText("The number is too large.").waitFor();
  await dialog.getByLabel("Calls to add").fill("-10");
  await dialog.getByRole("button", { name: "Remove calls" }).click();
  await page.getByText("10 calls removed from the quota day").waitFor();
  await eventually(
    () => left(page, "day"),
    (text) => text === "90",
  );
});

test("a rotated key has a new secret, and the earlier one works until its time is over", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "open" });
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const dialog = page.getByRole("dialog", { name: "The key has a new secret" });
  const secret = await dialog.locator("[data-secret]").innerText();
  assert.notEqual(secret, key.key);
  assert.deepEqual(
    [await gateway.call("/orders", { key: secret }), await gateway.call("/orders", { key: key.key })],
    [200, 200],
  );

  await page.keyboard.press("Escape");
  await dialog.getByLabel("I have stored the secret").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.locator(".notice").getByText("The key has a new secret").waitFor();
  await page.getByText("Earlier secrets work until").waitFor();
  assert.equal((await page.content()).includes(secret), false);
});

test("a rotation without time revokes the earlier secret", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "open" });
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").getByLabel("Time for which the earlier secret still works").selectOption("0");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.locator("[data-secret]").waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 401);
});

test("a lost response to a rotation does not rotate twice", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/rotate/);
  const key = await openKey(fixture, { plan: "open" });
  let isLost = false;
  await page.route("**/rotate", async (route) => {
    if (isLost) return route.fallback();
    isLost = true;
    await route.fetch();
    return route.abort("connectionfailed");
  });
  await page.getByRole("button", { name: "Rotate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  const secret = await page.locator("[data-secret]").innerText();
  assert.equal(await gateway.call("/orders", { key: secret }), 200);
  assert.equal((await stored(gateway, key)).earlier_secrets_end_at.length, 1);
});

test("a key is disabled and enabled again", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "open" });
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.getByText("The key was disabled").waitFor();
  await page.getByRole("heading", { level: 1 }).getByText("Disabled").waitFor();
  await page.getByText("A call with this key would be refused now").waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 401);

  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Enable" }).click();
  await page.getByText("The key was enabled").waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 200);
});

test("the move to another plan shows what changes in the limits", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "slow" });
  await page.getByRole("button", { name: "Move to a plan" }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("button", { name: "Move the key" }).isDisabled());
  await dialog.getByLabel("New plan").selectOption("tiny");
  await dialog.getByRole("row", { name: /Burst 3 none ▲ no limit/ }).waitFor();
  await dialog.getByLabel("New plan").selectOption("large");
  await dialog.getByRole("row", { name: /Quota day 100 per day 1,000 per day ▲ higher/ }).waitFor();
  await dialog.getByRole("button", { name: "Move the key" }).click();

  await page.getByText("The key is on the plan large now").waitFor();
  assert.equal((await stored(gateway, key)).plan, "large");
  await eventually(
    () => left(page, "day"),
    (text) => text === "1,000",
  );
});

test("usage beyond a limit that became smaller is not shown as granted", async (fixture) => {
  const { page, gateway } = fixture;
  await gateway.plan("shrinking", { quotas: [{ limit: 100, period: "day" }] });
  const key = await openKey(fixture, { plan: "shrinking" });
  await gateway.calls(5, "/orders", { key: key.key });
  await gateway.plan("shrinking", { quotas: [{ limit: 2, period: "day" }] });
  await limit(page, "day").getByText("5 of 2 used, 3 over the limit").waitFor();
  assert.equal(await limit(page, "day").getByText("granted").count(), 0);
});

test("after a move to other periods, grants are not in force, and the chart has the new quota", async (fixture) => {
  const { page, gateway } = fixture;
  await gateway.plan("from", { quotas: [{ limit: 10, period: "day" }] });
  await gateway.plan("to", { quotas: [{ limit: 1234, period: "day", time_zone: "Asia/Tokyo" }] });
  const key = await openKey(fixture, { plan: "from" });
  await gateway.admin("PATCH", `/keys/${key.key_id}/usage`, { quota: "day", grant: 5 });
  const grants = page.getByRole("region", { name: "Grants of the current periods" });
  await grants.getByRole("button", { name: "Revoke" }).waitFor();
  await limit(page, "day").getByText("10 per day, 5 granted").waitFor();

  await gateway.admin("PATCH", `/keys/${key.key_id}`, { plan: "to" });
  await grants.getByText("not in force").waitFor();
  await limit(page, "day").getByText("0 of 1,234 used").waitFor();
  await page.getByText("Show as a table").click();
  await page.locator(".chart table").getByText("1,234").first().waitFor();
});

test("an address opens the dialog for a grant of a quota", async ({ page, gateway, open }) => {
  await gateway.plan("twofold", {
    quotas: [
      { limit: 5, period: "day" },
      { limit: 50, period: "month" },
    ],
  });
  const key = await gateway.key({ plan: "twofold" });
  await open(`keys/${key.key_id}?grant=month`);
  const dialog = page.getByRole("dialog", { name: "Grant calls" });
  assert.equal(await dialog.getByLabel("Quota").inputValue(), "month");
  await page.keyboard.type("7");
  await page.keyboard.press("Enter");
  await page.getByText("7 calls granted for the quota month").waitFor();
  await dialog.waitFor({ state: "detached" });
  assert.doesNotMatch(page.url(), /grant=/);

  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.getByText("7 calls granted for the quota month").waitFor({ state: "detached" });
});

test("fields are edited, and only changed ones are sent", async (fixture) => {
  const { page, gateway, stub } = fixture;
  const key = await openKey(fixture, {
    name: "Before",
    plan: "open",
    scopes: ["read"],
    metadata: { crm: "1", drop: "2" },
  });
  const patches = await stub("PATCH v1/keys/*", () => undefined);
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("button", { name: "Save" }).isDisabled());
  await dialog.getByLabel("Name", { exact: true }).fill("After");
  await dialog.getByLabel("Scopes").fill("");
  await dialog.getByRole("button", { name: "Remove entry 2" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();

  await page.getByText("The key was changed").waitFor();
  await page.getByRole("heading", { level: 1 }).getByText("After").waitFor();
  assert.deepEqual(patches.requests[0].postDataJSON(), { name: "After", scopes: null, metadata: { drop: null } });
  const { name, scopes, metadata } = await stored(gateway, key);
  assert.deepEqual({ name, scopes, metadata }, { name: "After", scopes: [], metadata: { crm: "1" } });
});

test("a change that met another one is shown side by side, and only changed fields replace it", async (fixture) => {
  const { page, gateway, allowErrors, axe } = fixture;
  allowErrors(/412/);
  const key = await openKey(fixture, { name: "Mine and theirs", plan: "open" });
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Mine");
  await gateway.admin("PATCH", `/keys/${key.key_id}`, { name: "Theirs", subject: "their-user" });
  await dialog.getByRole("button", { name: "Save" }).click();

  await dialog.getByText("has changed in the meantime").waitFor();
  await dialog.getByText('"Mine"').first().waitFor();
  await dialog.getByText('"Theirs"').first().waitFor();
  await axe();
  await dialog.getByRole("button", { name: /Keep mine/ }).click();
  await page.getByText("The key was changed").waitFor();
  const { name, subject } = await stored(gateway, key);
  assert.deepEqual({ name, subject }, { name: "Mine", subject: "their-user" });
});

test("after a conflict, theirs can be taken, or mine edited further", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/412/);
  const key = await openKey(fixture, { name: "Start", plan: "open" });
  const conflict = async (theirs) => {
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Mine");
    await gateway.admin("PATCH", `/keys/${key.key_id}`, { name: theirs });
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  };

  await conflict("Theirs 1");
  await page.getByRole("button", { name: /Take theirs/ }).click();
  await page.getByRole("heading", { level: 1 }).getByText("Theirs 1").waitFor();

  await conflict("Theirs 2");
  await page.getByRole("button", { name: "Edit my version" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Both");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("The key was changed").waitFor();
  assert.equal((await stored(gateway, key)).name, "Both");
});

test("a plan that is newer than the page is not shown as missing", async (fixture) => {
  const { page, gateway } = fixture;
  const key = await openKey(fixture, { plan: "open" });
  await gateway.plan("newer", { quotas: [{ limit: 77, period: "day" }] });
  await gateway.admin("PATCH", `/keys/${key.key_id}`, { plan: "newer" });
  await page.getByText("Plan newer: 77 per day").waitFor();
  await page.getByRole("heading", { level: 1 }).getByText("Active").waitFor();
});

test("a secret is hidden when the session ends", async (fixture) => {
  const { page, stub, allowErrors } = fixture;
  allowErrors(/401/);
  await openKey(fixture, { plan: "open" });
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.locator("[data-secret]").waitFor();
  const headers = { "x-tollgate-console-session": "ended" };
  await stub("GET v1/keys/*/usage", { ...problem(401, "The session has ended."), headers });
  await page.getByText("The secret is hidden, because the session has ended").waitFor();
  assert.equal(await page.locator("[data-secret]").count(), 0);
});

test("a key that changed underneath is not disabled blindly", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/412/);
  const key = await openKey(fixture, { name: "Stale", plan: "open" });
  await page.getByRole("button", { name: "Disable" }).click();
  await gateway.admin("PATCH", `/keys/${key.key_id}`, { name: "Fresh" });
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByText("look at the current values").waitFor();
  assert.equal((await stored(gateway, key)).enabled, true);
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("heading", { level: 1 }).getByText("Fresh").waitFor();
});

test("a deletion needs the id, and the usage stays readable", async (fixture) => {
  const { page, gateway, allowErrors, open } = fixture;
  allowErrors(/404/);
  const key = await openKey(fixture, { name: "Doomed", plan: "slow" });
  await gateway.call("/orders", { key: key.key });
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete the key" });
  assert.ok(await confirm.isDisabled());
  await dialog.getByLabel(/Type the id/).fill(key.key_id);
  await confirm.click();
  await page.getByText("The key was deleted").first().waitFor();
  assert.equal(await gateway.call("/orders", { key: key.key }), 401);

  await open("keys");
  await open(`keys/${key.key_id}`);
  await page.getByText("This key was deleted").waitFor();
  await page.getByText("1 call, and 0 refused").waitFor();
});

test("an unknown key says so", async ({ page, open, allowErrors, axe }) => {
  allowErrors(/404/);
  await open("keys/no-such-key");
  await page.getByText("There is no key with this id").waitFor();
  await axe();
});

test("a block is shown, can be removed and can be set", async (fixture) => {
  const { page, gateway, open } = fixture;
  const key = await gateway.key({ plan: "open" });
  await gateway.admin("PUT", `/blocks/key/${key.key_id}`, { note: "leaked on a forum" });
  await open(`keys/${key.key_id}`);
  await page.getByText("leaked on a forum").waitFor();
  await page.getByRole("heading", { level: 1 }).getByText("Blocked").waitFor();
  await page.getByText("would be refused now").getByText("A block refuses all calls with this key.").waitFor();
  assert.equal(await page.getByText("The key is valid").count(), 0);
  await page.getByText("is shown when the key can be used again").waitFor();
  await page.getByRole("button", { name: "Remove the block" }).click();
  await page.getByText("The block was removed").waitFor();
  await page.getByText("leaked on a forum").waitFor({ state: "detached" });
  assert.deepEqual((await gateway.admin("GET", "/blocks")).items, []);

  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Note").fill("again");
  await page.keyboard.press("Enter");
  await page.getByText("The key was blocked").waitFor();
  await page.getByText("Note: again").waitFor();
  await gateway.admin("DELETE", `/blocks/key/${key.key_id}`);
  await page.getByText("Note: again").waitFor({ state: "detached" });
});

test("the states of a key and of its plan are explained", async (fixture) => {
  const { page, open, gateway } = fixture;
  for (const [fields, text] of [
    [{ plan: "open", expires_at: "2026-01-01T00:00:00Z" }, "Change its expiry to accept them."],
    [{ plan: "open", not_before: "2030-01-01T00:00:00Z" }, "until it becomes valid"],
    [{ plan: "off" }, "the plan of the key is disabled"],
  ]) {
    const key = await gateway.key(fields);
    await open(`keys/${key.key_id}`);
    await page.getByText(text).first().waitFor();
    await page.getByText("A call with this key would be refused now").waitFor();
  }
});

test("keys of a group show the total of the group", async (fixture) => {
  const { page, gateway } = fixture;
  const other = await gateway.key({ plan: "slow", group: "team" });
  await openKey(fixture, { plan: "slow", group: "team" });
  await page.getByText("The numbers are the total of all keys of the group team").waitFor();
  await gateway.call("/orders", { key: other.key });
  await eventually(
    () => left(page, "day"),
    (text) => text === "99",
  );
});

test("the chart shows other ranges", async (fixture) => {
  const { page } = fixture;
  await openKey(fixture, { plan: "slow" });
  await page.getByText("Quota per day").first().waitFor();
  await page.getByLabel("Days", { exact: true }).selectOption("7");
  await page.getByText("refused by limits, in 7 days").waitFor();
  await page.getByText("Show as a table").click();
  await eventually(
    () => page.locator(".chart table tbody tr").count(),
    (count) => count === 7,
  );
});

test("a version that cannot show rate limits says so, and is not asked again", async (fixture) => {
  const { page, stub } = fixture;
  const errors = [{ pointer: "/key_id", detail: "unknown field" }];
  const peeks = await stub("POST v1/decisions", problem(422, "The body is invalid.", { errors }));
  const usage = await stub("GET v1/keys/*/usage", () => undefined);
  await openKey(fixture, { plan: "slow" });
  await page.getByText("this version of the API cannot show them").waitFor();
  const before = usage.requests.length;
  await eventually(() => usage.requests.length > before + 1);
  assert.equal(peeks.requests.length, 1);
});

test("a key whose plan admits no call says so", async (fixture) => {
  const { page, gateway, allowErrors } = fixture;
  allowErrors(/422.*decisions/);
  await gateway.plan("closed", { throttle: { rate: 0, burst: 0 } });
  await openKey(fixture, { plan: "closed" });
  await page.getByText("The call can never be allowed").waitFor();
});

test("parts that fail are named, and the others stay", async (fixture) => {
  const { page, stub, allowErrors } = fixture;
  allowErrors(/503.*grants/);
  await stub("GET v1/blocks", problem(503, "The blocks cannot be read."));
  await stub("GET v1/keys/*/grants", problem(503, "The grants cannot be read."));
  await stub("GET console/api/refusals", problem(503, "The refusals cannot be read."));
  await openKey(fixture, { plan: "slow" });
  await page.getByText("Blocks: The blocks cannot be read.").waitFor();
  await page.getByText("The grants cannot be read.").waitFor();
  await page.getByText("The refusals cannot be read.").waitFor();
  assert.equal(await left(page, "day"), "100");
});

test("figures that are not current say so, and recover", async (fixture) => {
  const { page, stub, allowErrors } = fixture;
  allowErrors(/503.*usage/);
  await openKey(fixture, { plan: "slow" });
  await eventually(
    () => left(page, "day"),
    (text) => text === "100",
  );
  const failing = await stub("GET v1/keys/*/usage", problem(503, "The store does not respond."));
  await page.getByText("These figures are not current").first().waitFor();
  assert.equal(await left(page, "day"), "100");
  await failing.remove();
  await page.getByText("These figures are not current").waitFor({ state: "detached" });
});

test("slow loading says so and can be cancelled", async ({ page, gateway, open, stub }) => {
  const key = await gateway.key({ plan: "open" });
  const slow = await stub("GET v1/keys/*", { json: {} }, { delayMs: Infinity });
  await open(`keys/${key.key_id}`);
  await page.getByText("Loading the key takes longer than usual").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The request was cancelled.").waitFor();
  await slow.remove();
  slow.release();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Details" }).waitFor();
});

test("denied operations say which permission is missing", async (fixture) => {
  const { page, stub, allowErrors } = fixture;
  allowErrors(/403.*usage/);
  await stub("PATCH v1/keys/*/usage", problem(403, "You lack execute-api:Invoke for PATCH /_tollgate/v1/keys."));
  await openKey(fixture, { plan: "slow" });
  await grantButton(page).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Calls to add").fill("1");
  await dialog.getByRole("button", { name: "Grant calls" }).click();
  await dialog.getByText("You lack execute-api:Invoke").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await grantButton(page).getAttribute("aria-disabled"), "true");
});

test("refusals of a deployed API are read on request, with the time of the last event", async (fixture) => {
  const { page, stub } = fixture;
  await stub("GET console/api/target", {
    json: {
      kind: "deployed",
      label: "stack acme (https://api.example.org)",
      version: "0",
      may_write: true,
      refusals: "cloudwatch_logs",
    },
  });
  const at = "2026-11-29T10:00:00Z";
  const item = {
    at,
    request_id: "r1",
    status: 429,
    reason: "quota_exceeded",
    limit: "month",
    plan: "tiny",
    route: "GET /orders",
  };
  const refusals = await stub("GET console/api/refusals", {
    json: {
      items: [item],
      newest_event_at: at,
      searched_from: "2026-11-29T09:00:00Z",
      is_truncated: false,
      source: "cloudwatch_logs",
      missing: [],
    },
  });
  await openKey(fixture, { plan: "tiny" });
  assert.equal(refusals.requests.length, 0);
  await page.getByRole("button", { name: "Read the log" }).click();
  await page.getByText("Newest event:").waitFor();
  await page.getByRole("button", { name: "Quota used up" }).or(page.getByText("quota_exceeded")).first().waitFor();
  assert.match(refusals.requests[0].url(), /key_id=key_/);
});

test("texts of a key are shown as they are", async (fixture) => {
  const { page } = fixture;
  const evil = `<script>document.title="x"</script><img src=x onerror=alert(1)>`;
  await openKey(fixture, {
    name: evil,
    description: evil,
    plan: "open",
    scopes: ["<b>"],
    metadata: { "<i>": evil, __proto__: "x" },
  });
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /^<script>/);
  assert.equal(await page.locator("main script, main main img, .key-facts img, .key-facts b").count(), 0);
});

test("the page fits into 375 px", { viewport: { width: 375, height: 700 } }, async (fixture) => {
  const { page, axe } = fixture;
  await openKey(fixture, { name: "A".repeat(80), plan: "slow", metadata: { note: "word".repeat(60) } });
  await eventually(
    () => left(page, "day"),
    (text) => text === "100",
  );
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
    "no sideways scrolling",
  );
  await axe();
});

test("a write says its result in a live region, and the focus returns to the button", async (fixture) => {
  const { page } = fixture;
  await openKey(fixture, { plan: "open" });
  const button = page.getByRole("button", { name: "Edit" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => button.evaluate((element) => element === document.activeElement));

  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Named");
  await page.keyboard.press("Enter");
  const notice = page.locator(".notice.success");
  await notice.getByText("The key was changed").waitFor();
  assert.equal(await notice.getAttribute("role"), "status");
});
