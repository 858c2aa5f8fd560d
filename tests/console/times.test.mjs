// Instants in the viewer's time zone, with UTC.

import assert from "node:assert/strict";

import { consoleTests } from "./harness.mjs";
import { fill, SEEDS, settled } from "./pages.mjs";

const test = consoleTests({ seeds: SEEDS, setUp: fill });

const ZONES = ["America/New_York", "Asia/Kolkata"];
/** Pages that show instants of the seeded data. */
const PATHS = ["audit", "keys/expired-key"];

for (const timezoneId of ZONES) {
  test(`instants are shown in ${timezoneId} with UTC`, { timezoneId }, async ({ page, open }) => {
    for (const path of PATHS) {
      await open(path);
      await settled(page);
      await page.locator("main time").first().waitFor();
      for (const { value, text } of await instants(page)) {
        const instant = new Date(value);
        assert.ok(text.includes(clock(instant, timezoneId)), `${path}: ${text} of ${value} in ${timezoneId}`);
        assert.ok(text.includes(`${clock(instant, "UTC")} UTC`), `${path}: ${text} of ${value} in UTC`);
      }
    }
  });
}

function instants(page) {
  return page.locator("main time[datetime]").evaluateAll((all) =>
    all.map((element) => ({ value: element.dateTime, text: `${element.textContent} ${element.title}` })),
  );
}

/** Returns hours, minutes and seconds. */
function clock(instant, timeZone) {
  return instant.toLocaleTimeString("en-GB", { timeZone, hour12: false });
}
