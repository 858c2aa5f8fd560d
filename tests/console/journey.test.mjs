// The story of an operator who opens the console of the local gateway for the first time.

import { consoleTests } from "./harness.mjs";
import { LIVE_MS, tellStory } from "./journey.mjs";

const test = consoleTests();

test("an operator creates a plan and a key, sees a refusal and its reason, and grants calls", async (fixture) => {
  const { page, gateway } = fixture;
  await page.goto(gateway.consoleUrl);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();

  const call = (secret) => gateway.call("/orders", { key: secret });
  await tellStory(page, { call, name: "first-customer", isLive: true, patienceMs: LIVE_MS });
});
