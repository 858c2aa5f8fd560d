// The page Keys: search, filters, order, new keys, and changes of many keys.

import assert from "node:assert/strict";

import { consoleTests, eventually, problem } from "./harness.mjs";

const PLANS = {
  free: { throttle: { rate: 1, burst: 5 }, quotas: [{ limit: 100, period: "day" }] },
  pro: { throttle: { rate: 100, burst: 200 } },
  off: { enabled: false },
};
const SECRET = (name) => `seeded_secret_of_${name}_0001`;
const KEYS = [
  { key_id: "alpha", name: "Alpha shop", plan: "free", group: "shops", metadata: { crm: "4711" } },
  { key_id: "beta", name: "Beta bank", plan: "pro", subject: "bank-user" },
  { key_id: "gamma", name: "Gamma gym", plan: "pro", enabled: false },
  { key_id: "delta", name: "Delta diner", plan: "pro", expires_at: "2026-01-01T00:00:00Z" },
  { key_id: "omega", name: "Omega", plan: "off" },
].map((key) => ({ key: SECRET(key.key_id), ...key }));

const test = consoleTests({ seeds: { plans: PLANS, keys: KEYS } });

/** Returns the row of a key. */
function rowOf(page, id) {
  return page.getByRole("row").filter({ has: page.locator(`a[href="#/keys/${id}"]`) });
}

/** Returns the ids of the rows in the document, in order. */
function shownIds(page) {
  return page.locator(".key-name").evaluateAll((links) => links.map((link) => link.hash.slice("#/keys/".length)));
}

/** Waits until exactly these keys are shown, in any order. */
async function expectIds(page, ids) {
  await eventually(
    () => shownIds(page),
    (shown) => shown.toSorted().join() === ids.toSorted().join(),
  );
}

/** Creates a key of its own for a test that changes it. */
function ownKey(gateway, fields) {
  return gateway.key({ plan: "pro", ...fields });
}

/** Selects keys, each of which has to be shown. */
async function select(page, ...ids) {
  for (const id of ids) await rowOf(page, id).getByRole("checkbox").check();
}

test("keys are listed with their plan, state and calls of the month", async ({ page, open, gateway, axe }) => {
  assert.deepEqual(await gateway.calls(2, "/orders", { key: SECRET("beta") }), [200, 200]);
  await open("keys");

  await rowOf(page, "alpha").getByText("group shops").waitFor();
  await rowOf(page, "gamma").getByText("Disabled", { exact: true }).waitFor();
  await rowOf(page, "delta").getByText("Expired", { exact: true }).waitFor();
  await rowOf(page, "omega").getByText("Plan disabled").waitFor();
  await rowOf(page, "beta").getByText("Active").waitFor();
  await rowOf(page, "beta").locator(".calls .first").filter({ hasText: /^2/ }).waitFor();
  await rowOf(page, "beta").getByText("today (UTC)").waitFor();
  await axe();

  assert.equal(await gateway.call("/orders", { key: SECRET("beta") }), 200);
  await rowOf(page, "beta").locator(".calls .first").filter({ hasText: /^3/ }).waitFor();
});

test("the search finds keys by id, name, subject, group, plan and metadata", async ({ page, open }) => {
  await open("keys");
  const search = page.getByRole("searchbox", { name: "Search" });
  for (const [text, ids] of [
    ["alph", ["alpha"]],
    ["BANK", ["beta"]],
    ["bank-user", ["beta"]],
    ["shops", ["alpha"]],
    ["crm=4711", ["alpha"]],
    ["free", ["alpha"]],
  ]) {
    await search.fill(text);
    await expectIds(page, ids);
  }

  await search.fill("no such key");
  await page.getByText("No key matches").waitFor();
  await page.locator(".empty").getByRole("button", { name: "Clear filters" }).click();
  await rowOf(page, "gamma").waitFor();
  assert.equal(await search.inputValue(), "");
});

test("filters and order are in the address, and a reload keeps them", async ({ page, open }) => {
  await open("keys");
  await page.getByLabel("Plan", { exact: true }).selectOption("pro");
  await page.getByLabel("State").selectOption("disabled");
  await expectIds(page, ["gamma"]);
  assert.match(page.url(), /#\/keys\?plan=pro&state=disabled$/);

  await page.reload();
  await expectIds(page, ["gamma"]);
  assert.equal(await page.getByLabel("Plan", { exact: true }).inputValue(), "pro");

  await page.getByLabel("State").selectOption("expired");
  await expectIds(page, ["delta"]);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByLabel("Group").fill("shops");
  await expectIds(page, ["alpha"]);
});

test("keys without a call since a day are selected by the server", async ({ page, open, stub, gateway }) => {
  assert.equal(await gateway.call("/orders", { key: SECRET("beta") }), 200);
  const list = await stub("GET v1/keys", () => undefined);
  await open("keys");
  await page.getByLabel("Last call").selectOption({ label: "Not in 7 days" });
  await eventually(() => list.requests.some((request) => /unused_since=\d{4}-\d{2}-\d{2}/.test(request.url())));
  await expectIds(page, ["alpha", "gamma", "delta", "omega"]);
});

test("columns sort in both directions, then not at all", async ({ page, open }) => {
  await open("keys?q=a&plan=pro");
  const header = page.getByRole("columnheader", { name: "Key", exact: true });
  await header.getByRole("button").click();
  await eventually(
    () => shownIds(page),
    (ids) => ids.indexOf("beta") < ids.indexOf("gamma") && ids[0] === "beta",
  );
  assert.equal(await header.getAttribute("aria-sort"), "ascending");

  await header.getByRole("button").click();
  await eventually(
    () => shownIds(page),
    (ids) => ids.at(-1) === "beta",
  );
  assert.equal(await header.getAttribute("aria-sort"), "descending");
  assert.match(page.url(), /sort=name&order=descending/);

  await header.getByRole("button").click();
  await eventually(
    () => header.getAttribute("aria-sort"),
    (sort) => sort === "none",
  );
});

test("a key is created once, and its secret is shown until it is stored", async ({ page, open, gateway, axe }) => {
  await open("keys");
  await page.getByRole("button", { name: "Create a key" }).click();
  const dialog = page.getByRole("dialog");
  const name = dialog.getByLabel("Name", { exact: true });
  await eventually(() => name.evaluate((input) => input === document.activeElement));
  await page.keyboard.type("New customer");
  await dialog.getByLabel("Plan").selectOption("free");
  await dialog.getByText("1/s, burst 5, 100 per day").waitFor();
  await axe(page);
  await page.keyboard.press("Enter");

  const created = page.getByRole("dialog", { name: "The key was created" });
  const secret = await created.locator("[data-secret]").innerText();
  assert.equal(await gateway.call("/orders", { key: secret }), 200);
  await created.getByText(`curl -i -H 'x-api-key: ${secret}' '${gateway.url}/'`).waitFor();

  await created.getByRole("button", { name: "Copy the secret" }).click();
  await created.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);

  await page.keyboard.press("Escape");
  assert.ok(await created.getByRole("button", { name: "Done" }).isDisabled());
  await created.getByLabel("I have stored the secret").check();
  await created.getByRole("button", { name: "Done" }).click();
  await created.waitFor({ state: "detached" });
  await page.getByText("New customer").waitFor();
  assert.equal((await page.content()).includes(secret), false);
});

test("the plan of the filter is chosen first, and closing asks before it discards the form", async (fixture) => {
  const { page, open, gateway } = fixture;
  await open("keys?create=1&plan=free");
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("Plan").inputValue(), "free");
  await dialog.getByLabel("Name", { exact: true }).fill("Nearly lost");
  await page.keyboard.press("Escape");
  await dialog.getByText("Discard changes?").waitFor();
  await dialog.getByRole("button", { name: "Keep editing" }).click();
  assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "Nearly lost");

  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.getByRole("button", { name: "Discard changes" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual((await gateway.admin("GET", "/keys?name=Nearly%20lost")).items, []);
});

test("a key has all fields of the form", async ({ page, open, gateway }) => {
  await open("keys?create=1");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("More", { exact: true }).click();
  for (const [label, value] of [
    ["Name", "Full"],
    ["Id", "full-key"],
    ["Description", "All fields"],
    ["Group", "full-group"],
    ["Subject", "someone"],
    ["Scopes", "read\nwrite"],
    ["Allowed addresses", "127.0.0.1\n2001:db8::/32"],
    ["Prefix of the secret", "acme_live_"],
    ["Expires", "2030-06-01T14:00:00"],
    ["Not valid before", "2026-01-01T00:00:00"],
  ])
    await dialog.getByLabel(label, { exact: true }).fill(value);
  await dialog.getByText("2030-06-01 12:00:00 UTC").waitFor();
  await dialog.getByLabel("Plan").selectOption("pro");
  await dialog.getByRole("button", { name: "Add an entry" }).click();
  await dialog.getByLabel("Name of entry 1").fill("__proto__");
  await dialog.getByLabel("Value of entry 1").fill("<b>x</b>");
  await dialog.getByRole("button", { name: "Create the key" }).click();

  const secret = await page.locator("[data-secret]").innerText();
  assert.match(secret, /^acme_live_/);
  const key = await gateway.admin("GET", "/keys/full-key");
  assert.deepEqual(
    [key.group, key.subject, key.scopes, key.allowed_ips, key.expires_at, key.not_before, key.metadata["__proto__"]],
    [
      "full-group",
      "someone",
      ["read", "write"],
      ["127.0.0.1/32", "2001:db8::/32"],
      "2030-06-01T12:00:00Z",
      "2025-12-31T23:00:00Z",
      "<b>x</b>",
    ],
  );
});

test("a lost response creates no second key", async ({ page, open, gateway, allowErrors }) => {
  allowErrors(/v1\/keys/);
  let isLost = false;
  await page.route("**/_tollgate/v1/keys", async (route) => {
    if (route.request().method() !== "POST" || isLost) return route.fallback();
    isLost = true;
    await route.fetch();
    return route.abort("connectionfailed");
  });

  await open("keys?create=1");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Only once");
  await dialog.getByLabel("Plan").selectOption("pro");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog.getByText("It is safe to press the button again").waitFor();
  await dialog.getByRole("button", { name: "Create the key" }).click();

  const secret = await page.locator("[data-secret]").innerText();
  assert.equal(await gateway.call("/orders", { key: secret }), 200);
  const { items } = await gateway.admin("GET", "/keys?name=Only%20once");
  assert.equal(items.length, 1);
});

test("mistakes are shown at their fields", async ({ page, open, allowErrors }) => {
  allowErrors(/v1\/keys.*4(12|22)|4(12|22).*v1\/keys/);
  await open("keys?create=1");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog.locator(".field-error").filter({ hasText: "Choose a plan." }).waitFor();

  await dialog.getByLabel("Plan").selectOption("pro");
  await dialog.getByLabel("Expires").fill("2020-01-01T00:00:00");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog.getByText("This time is in the past.").waitFor();
  await dialog.getByLabel("Expires").fill("");

  await dialog.getByText("More", { exact: true }).click();
  const addresses = dialog.getByLabel("Allowed addresses");
  await addresses.fill("192.0.2.1\neverywhere");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog
    .locator(".field-error")
    .getByText(/^Line 2: /)
    .waitFor();
  await dialog.getByText("Correct the marked fields.").waitFor();
  await eventually(() => addresses.evaluate((element) => element === document.activeElement));

  await addresses.fill("");
  await dialog.getByLabel("Id", { exact: true }).fill("alpha");
  await page.keyboard.press("Enter");
  await dialog.getByText("This id is already in use").waitFor();
  await dialog.getByLabel("Id", { exact: true }).pressSequentially("-2");
  assert.ok(await dialog.getByLabel("Group").isVisible(), "the section stays open while the mistake is corrected");
});

test("keys of a filter are changed by one request after a preview", async ({ page, open, gateway, stub }) => {
  for (const index of [1, 2, 3]) await ownKey(gateway, { name: `Bulk ${index}`, group: "bulk-group" });
  const bulk = await stub("POST v1/keys/bulk", () => undefined);
  await open("keys?group=bulk-group");
  await eventually(
    () => shownIds(page),
    (ids) => ids.length === 3,
  );
  await page.getByLabel("Select all shown keys").check();
  await page.getByText("3 keys selected").waitFor();

  await page.getByRole("button", { name: "Move to a plan" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("New plan").selectOption("free");
  await dialog.getByText("3 of 3 keys would change.").waitFor();
  await dialog.getByText('plan: "pro" → "free"').first().waitFor();
  await dialog.getByRole("button", { name: "Move 3 keys" }).click();
  await dialog.getByText("3 keys moved").waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();

  await page.getByText("3 keys moved").waitFor();
  const { items } = await gateway.admin("GET", "/keys?group=bulk-group");
  assert.deepEqual(
    items.map(({ plan }) => plan),
    ["free", "free", "free"],
  );
  const [preview, change] = bulk.requests.map((request) => request.postDataJSON());
  assert.deepEqual(
    [preview.filter, preview.token, typeof change.token],
    [{ group: "bulk-group" }, undefined, "string"],
  );
});

test("keys that change after the preview are not overwritten", async ({ page, open, gateway, allowErrors }) => {
  allowErrors(/409/);
  for (const index of [1, 2]) await ownKey(gateway, { name: `Race ${index}`, group: "race-group" });
  await open("keys?group=race-group");
  await eventually(
    () => shownIds(page),
    (ids) => ids.length === 2,
  );
  await page.getByLabel("Select all shown keys").check();
  await page.getByRole("button", { name: "Disable" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 of 2 keys would change.").waitFor();

  await ownKey(gateway, { name: "Race 3", group: "race-group" });
  await dialog.getByRole("button", { name: "Disable 2 keys" }).click();
  await dialog.getByText("a selected key has changed since the dry run").waitFor();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByText("3 of 3 keys would change.").waitFor();
});

test("selected keys are changed one by one, and a changed one is reported", async ({
  page,
  open,
  gateway,
  allowErrors,
}) => {
  allowErrors(/412/);
  const keys = [];
  for (const index of [1, 2, 3]) keys.push(await ownKey(gateway, { name: `Single ${index}`, group: "single-group" }));
  await open("keys?group=single-group");
  await select(page, keys[0].key_id, keys[1].key_id);
  await gateway.admin("PATCH", `/keys/${keys[1].key_id}`, { description: "changed by another" });

  await page.getByRole("button", { name: "Disable" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Disable 2 keys" }).click();
  await dialog.getByText("1 key disabled").waitFor();
  await dialog
    .getByRole("row")
    .filter({ hasText: keys[1].key_id })
    .getByText("The key has changed since it was loaded")
    .waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();

  await rowOf(page, keys[0].key_id).getByText("Disabled", { exact: true }).waitFor();
  const enabled = await Promise.all(
    keys.map(async ({ key_id }) => (await gateway.admin("GET", `/keys/${key_id}`)).enabled),
  );
  assert.deepEqual(enabled, [false, true, true]);
});

test("a change of many keys can be stopped and continued", async ({ page, open, gateway, stub }) => {
  const keys = [];
  for (let index = 0; index < 6; index += 1) keys.push(await ownKey(gateway, { name: `Stopped ${index}` }));
  await open("keys?q=Stopped");
  await eventually(() => shownIds(page), (ids) => ids.length === 6);
  await page.getByLabel("Select all shown keys").check();
  await page.getByRole("button", { name: "Disable" }).click();
  const dialog = page.getByRole("dialog");

  const waiting = await stub("PATCH v1/keys/*", () => undefined, { delayMs: Infinity });
  await dialog.getByRole("button", { name: "Disable 6 keys" }).click();
  await eventually(() => waiting.requests.length === 4);
  await dialog.getByRole("button", { name: "Stop" }).click();
  waiting.release();
  await dialog.getByText("4 keys disabled").waitFor();
  await dialog.getByText("2 were not reached").waitFor();

  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("2 of 2 keys would change.").waitFor();
  await dialog.getByRole("button", { name: "Disable 2 keys" }).click();
  await dialog.getByText("6 keys disabled").waitFor();
  const { items } = await gateway.admin("GET", "/keys?name=Stopped");
  assert.deepEqual(new Set(items.map(({ enabled }) => enabled)), new Set([false]));
});

test("blocked keys are marked and can be selected", async ({ page, open, gateway }) => {
  const { key_id: id } = await ownKey(gateway, { name: "Blocked one" });
  await ownKey(gateway, { name: "Blocked never" });
  await gateway.admin("PUT", `/blocks/key/${id}`, {});
  // The list of all keys shows only the rows near the top, and the place of a random id is unknown.
  await open("keys?q=Blocked");
  await rowOf(page, id).getByText("Blocked", { exact: true }).waitFor();
  await page.getByLabel("State").selectOption("blocked");
  await expectIds(page, [id]);
  await gateway.admin("DELETE", `/blocks/key/${id}`);
});

test("a deletion of many keys has to be confirmed by typing", async ({ page, open, gateway }) => {
  const keys = [];
  for (const index of [1, 2]) keys.push(await ownKey(gateway, { name: `Doomed ${index}`, group: "doomed-group" }));
  await open("keys?group=doomed-group");
  await select(page, keys[0].key_id, keys[1].key_id);
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete 2 keys" });
  assert.ok(await confirm.isDisabled());
  await dialog.getByLabel('Type "delete 2" to confirm').fill("delete 2");
  await confirm.click();

  await dialog.getByText("2 keys deleted").waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("2 keys deleted").waitFor();
  assert.equal(await gateway.call("/orders", { key: keys[0].key }), 401);
});

test("without keys the page offers to create one", async ({ page, open, stub, axe }) => {
  await stub("GET v1/keys", { json: { items: [], next_cursor: null } });
  await open("keys");
  const empty = page.locator(".empty");
  await empty.getByText("There are no keys yet").waitFor();
  await axe();
  await empty.getByRole("button", { name: "Create a key" }).click();
  await page.getByRole("dialog", { name: "Create a key" }).waitFor();
});

test("slow loading says so and can be cancelled", async ({ page, open, stub }) => {
  await stub("GET v1/keys", (request) =>
    request.url().includes("cursor=")
      ? { json: { items: [], next_cursor: null } }
      : {
          json: { items: [{ ...KEYS[0], enabled: true, scopes: [], metadata: {}, etag: '"1"' }], next_cursor: "next" },
        },
  );
  await open("keys");
  await rowOf(page, "alpha").waitFor();

  const waiting = await stub("GET v1/keys", { json: { items: [], next_cursor: null } }, { delayMs: Infinity });
  await page.getByRole("button", { name: "Reload" }).click();
  await page.getByText("takes longer than usual").first().waitFor();
  await page.getByRole("button", { name: "Cancel" }).first().click();
  await page.getByText("Loading was cancelled, so keys are missing.").waitFor();
  waiting.release();
});

test("a failed page of the list is named, and the other keys stay", async ({ page, open, stub }) => {
  const failing = await stub("GET v1/keys", (request) =>
    request.url().includes("cursor=")
      ? problem(503, "The store does not respond.")
      : {
          json: { items: [{ ...KEYS[0], enabled: true, scopes: [], metadata: {}, etag: '"1"' }], next_cursor: "next" },
        },
  );
  await open("keys");
  await page.getByText("Not all keys could be loaded").waitFor();
  await page.getByText("The store does not respond.").waitFor();
  await rowOf(page, "alpha").waitFor();

  await failing.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await rowOf(page, "gamma").waitFor();
});

test("a failed list can be retried", async ({ page, open, stub }) => {
  const failing = await stub("GET v1/keys", problem(500, "Tollgate failed."));
  await open("keys");
  await page.getByText("Tollgate failed.").waitFor();
  await failing.remove();
  await page.getByRole("button", { name: "Try again" }).click();
  await rowOf(page, "alpha").waitFor();
});

test("figures that cannot be loaded are named as missing", async ({ page, open, stub }) => {
  const failing = [
    await stub("GET v1/usage", problem(503, "The usage cannot be read.")),
    await stub("GET v1/plans", problem(503, "The plans cannot be read.")),
  ];
  await open("keys");
  await rowOf(page, "alpha").waitFor();
  const missing = page.locator(".notice").filter({ hasText: "Some data is missing" });
  await missing.getByText("Calls this month: The usage cannot be read.").waitFor();
  await missing.getByText("Plans: The plans cannot be read.").waitFor();

  for (const { remove } of failing) await remove();
  await page.getByRole("button", { name: "Reload" }).click();
  await missing.waitFor({ state: "detached" });
});

test("a denied creation disables the button with the reason", async ({ page, open, stub }) => {
  await stub("POST v1/keys", problem(403, "You lack the permission execute-api:Invoke for POST /_tollgate/v1/keys."));
  await open("keys?create=1");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Plan").selectOption("pro");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await dialog.getByText("You lack the permission").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  const button = page.getByRole("button", { name: "Create a key" });
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  await page.locator(".denied-reason").getByText("You lack the permission").waitFor();
});

test("a console that only reads offers no change", async ({ page, open, stub }) => {
  await stub("GET console/api/target", {
    json: {
      kind: "local",
      label: "local gateway",
      version: "0",
      may_write: false,
      read_only_reason: "This console only reads.",
    },
  });
  await open("keys");
  await select(page, "alpha");
  for (const name of ["Create a key", "Disable…", "Delete…"]) {
    assert.equal(await page.getByRole("button", { name }).getAttribute("aria-disabled"), "true");
  }
});

test("texts of keys are shown as they are", async ({ page, open, stub }) => {
  const name = `<img src=x onerror="document.title='x'"> \u202Eevil`;
  const key = {
    key_id: "odd",
    name,
    plan: "<b>plan</b>",
    group: "javascript:alert(1)",
    enabled: true,
    scopes: [],
    metadata: {},
    etag: '"1"',
  };
  await stub("GET v1/keys", { json: { items: [key], next_cursor: null } });
  await open("keys");
  assert.equal(await rowOf(page, "odd").locator(".key-name").innerText(), name);
  assert.equal(await page.locator(".key-list img, .key-list b").count(), 0);
});

test(
  "the page fits into 375 px",
  { viewport: { width: 375, height: 700 }, hasTouch: true },
  async ({ page, open, axe }) => {
    await open("keys");
    await rowOf(page, "alpha").waitFor();
    assert.ok(
      await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
      "no sideways scrolling",
    );
    const isOverlapping = await page.locator(".virtual-body").evaluate((body) => {
    const boxes = [...body.children].map((row) => row.getBoundingClientRect()).sort((one, other) => one.top - other.top);
    return boxes.some((box, index) => index > 0 && boxes[index - 1].bottom > box.top + 1);
  });
  assert.equal(isOverlapping, false, "cards do not overlap");
  await axe();
  },
);
