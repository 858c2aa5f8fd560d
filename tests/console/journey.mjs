// The first hour of an operator, as a story: a plan, a key, calls, a refusal with its reason, and more calls.

import assert from "node:assert/strict";

import { eventually } from "./eventually.mjs";

/**
 * Tells the story in a page that shows the overview.
 *
 * @param {import("playwright-core").Page} page
 * @param {object} options
 * @param {(secret: string) => Promise<number>} options.call calls the API with a key and returns the status
 * @param {string} options.name the name of the plan and the key, which must be new
 * @param {boolean} options.isLive true if the overview shows calls within seconds
 * @param {number} options.patienceMs the time in which a change must be visible
 * @param {number} [options.throttledStatus] the status of a throttled call
 */
export async function tellStory(page, { call, name, isLive, patienceMs, throttledStatus = 429 }) {
  const story = { page, call, name, isLive, patienceMs, navigation: page.getByRole("navigation", { name: "Pages" }) };

  await createPlan(story);
  const secret = await createKey(story);
  await seeFirstCall(story, secret, isLive);
  await getRefused(story, secret, throttledStatus);
  await findReason(story);
  await grantCalls(story);
  await seeItWork(story, secret);
}

/** The quota of the plan, in calls per day. */
const QUOTA = 3;
const GRANTED = 10;
/**
 * The time in which a call appears on a local gateway, with a margin for a busy machine. The page requests it every
 * second, and that of a stack every 30 seconds.
 */
export const LIVE_MS = 10_000;
/** The time in which a button that is visible can be pressed. */
const STEP_MS = 300;

async function createPlan({ page, name, navigation }) {
  await navigation.getByRole("link", { name: "Plans" }).click();
  await page.getByRole("link", { name: "Create a plan" }).or(page.getByRole("button", { name: "Create a plan" })).first().click();
  await page.getByLabel("Name").first().fill(name);
  await page.getByLabel("Calls per second").fill("50");
  await page.getByLabel("Burst, in calls").fill("100");
  await page.getByLabel("Calls", { exact: true }).fill(String(QUOTA));
  await page.getByRole("button", { name: "Create the plan" }).click();
  await page.getByRole("main").getByText(/was created|is created|has been created/).first().waitFor();
}

async function createKey({ page, name, navigation }) {
  await navigation.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("button", { name: "Create a key" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByLabel("Plan").selectOption(name);
  await dialog.getByRole("button", { name: "Create the key" }).click();

  await dialog.getByText("The secret is shown only once").waitFor();
  const secret = await dialog.locator("[data-secret]").innerText();
  await dialog.getByRole("button", { name: "Copy the secret" }).click();
  await dialog.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);

  await dialog.getByLabel("I have stored the secret").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await page.content()).includes(secret), false, "the secret is not in the page any more");
  return secret;
}

async function seeFirstCall({ page, call, name, navigation, patienceMs }, secret, isLive) {
  if (isLive) {
    await navigation.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("heading", { name: "Decisions by plan" }).waitFor();
    assert.equal(await call(secret), 200);
    await page.getByRole("row", { name: new RegExp(`^${name} `) }).waitFor({ timeout: LIVE_MS });
  } else {
    assert.equal(await call(secret), 200);
  }
  await openKey({ page, name, navigation });
  await seeUsed(page, 1, QUOTA, patienceMs);
}

async function getRefused({ call }, secret, throttledStatus) {
  const statuses = [];
  for (let index = 1; index <= QUOTA; index += 1) statuses.push(await call(secret));
  assert.deepEqual(statuses, [200, 200, throttledStatus]);
}

async function findReason({ page, name, navigation, patienceMs }) {
  await openKey({ page, name, navigation });
  const main = page.getByRole("main");
  const onRequest = main.getByRole("button", { name: /^(Read the log|Search again)$/ });
  const reason = main.getByRole("button", { name: /Quota used up/ }).first();

  // A local gateway shows refusals by itself. The log of a stack is searched again until it has the event.
  await eventually(async () => {
    if (await reason.isVisible()) return true;
    await onRequest.click({ timeout: STEP_MS }).catch(() => {});
    return false;
  }, Boolean, patienceMs);
  await reason.click();
  await main.getByRole("link", { name: /^Grant more calls to / }).first().waitFor();
}

async function grantCalls({ page }) {
  await page.getByRole("button", { name: "Grant calls" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Calls to add").fill(String(GRANTED));
  await dialog.getByRole("button", { name: "Grant calls" }).click();
  await page.getByText(new RegExp(`${GRANTED} calls (were )?granted`)).first().waitFor();
}

async function seeItWork({ page, call, isLive, patienceMs }, secret) {
  // An instance on AWS that has just refused a key for its quota does so from memory for up to 10 s.
  if (isLive) assert.equal(await call(secret), 200);
  else await eventually(() => call(secret), (status) => status === 200, patienceMs);
  await seeUsed(page, QUOTA + 1, QUOTA + GRANTED, patienceMs);
}

/** Waits until the page of the key shows how much of the quota is used. */
async function seeUsed(page, used, total, patienceMs) {
  const quota = page.getByRole("row", { name: /^day / });
  await quota.getByText(`${used} of ${total} used`).waitFor({ timeout: patienceMs });
}

async function openKey({ page, name, navigation }) {
  if (await page.getByRole("heading", { level: 1, name }).count()) return;
  await navigation.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("searchbox").or(page.getByLabel("Search")).first().fill(name);
  await page.getByRole("main").getByRole("link", { name }).first().click();
  await eventually(() => page.getByRole("heading", { level: 1, name }).count());
}
