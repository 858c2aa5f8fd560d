// Tests of the web console in a browser.
//
//     import { consoleTests } from "./harness.mjs";
//
//     const test = consoleTests({ seeds: SEEDS });
//
//     test("a key is found by its name", async ({ page, gateway, open }) => {
//       await open("keys");
//       …
//     });
//
// Each file starts one gateway and one browser. Each test has a page of its own. A test fails if a page
// writes an error or a warning, calls another host, or violates its content security policy.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test as nodeTest } from "node:test";

import { violations } from "./axe.mjs";
import { launchBrowser, skipReason } from "./browser.mjs";
import { PROJECT, startGateway } from "./gateway.mjs";
import { Monitor } from "./monitor.mjs";
import { stub } from "./stub.mjs";

export { eventually } from "./eventually.mjs";
export { problem } from "./stub.mjs";
export { startGateway } from "./gateway.mjs";

/** A failing test ends with its own message long before. Some tests open hundreds of pages. */
const TEST_TIMEOUT_MS = 600_000;
/** The time in which a page must reach an expected state. The machine may be busy with a compiler. */
const PAGE_TIMEOUT_MS = 20_000;

/** The folder of pictures: of failed tests, and of `screenshot`. */
export const PICTURES = join(PROJECT, "target/console");

const CONTEXT = {
  viewport: { width: 1280, height: 800 },
  locale: "en-GB",
  timezoneId: "Europe/Berlin",
  permissions: ["clipboard-read", "clipboard-write"],
};

/**
 * Starts a gateway and a browser for the tests of a file, and returns the function that defines a test.
 *
 * @param {object} options those of `startGateway`, and `browser`, those of `launchBrowser`. `setUp` gets the
 *   gateway before the first test.
 * @returns {(name: string, ...rest: [object, Function] | [Function]) => void} the object of a test is options
 *   of the browser context, such as `{ colorScheme: "dark" }`
 */
export function consoleTests({ browser: browserOptions, setUp, ...gatewayOptions } = {}) {
  const skip = skipReason();
  const shared = {};

  before(async () => {
    if (skip) return;
    [shared.gateway, shared.browser] = await Promise.all([startGateway(gatewayOptions), launchBrowser(browserOptions)]);
    await setUp?.(shared.gateway);
  });
  after(async () => {
    await shared.browser?.close();
    await shared.gateway?.stop();
  });

  return (name, ...rest) => {
    const [options, body] = rest.length === 2 ? rest : [{}, rest[0]];
    nodeTest(name, { skip, timeout: TEST_TIMEOUT_MS }, (context) => runTest(context, shared, options, body));
  };
}

async function runTest(nodeContext, { gateway, browser }, options, body) {
  const context = await browser.newContext({ ...CONTEXT, ...options });
  const monitor = new Monitor(gateway.url);
  try {
    await monitor.observe(context);
    const page = await context.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT_MS);

    try {
      await body({ ...fixture({ gateway, browser, context, page, monitor }), diagnostic: (text) => nodeContext.diagnostic(text) });
      assert.deepEqual(monitor.problems(), [], "the page has problems");
    } catch (error) {
      await reportFailure(nodeContext, page, monitor);
      throw error;
    }
  } finally {
    await context.close();
  }
}

/** Returns what a test gets. */
function fixture({ gateway, browser, context, page, monitor }) {
  return {
    gateway,
    browser,
    context,
    page,
    /** Opens a page of the console, such as `keys` or `keys/acme`, and waits for its heading. */
    open: (path = "") => openPage(page, gateway, path),
    /** Accepts errors whose text matches, for tests that provoke them. */
    allowErrors: (pattern) => monitor.allow(pattern),
    /** Responds in place of the server: see stub.mjs. Errors of this operation are allowed. */
    stub: (operation, response, stubOptions) => {
      const path = operation.split(" ")[1].replaceAll("*", "");
      monitor.allow(new RegExp(`(Failed to load resource|failed request).*${escape(path)}`));
      return stub(page, operation, response, stubOptions);
    },
    /** Fails if the page is not accessible, in either colour scheme. */
    axe: async (target = page) => assert.deepEqual(await violations(target), [], "axe found violations"),
    /** Writes a picture into the folder `PICTURES`. */
    screenshot: (name, screenshotOptions) => picture(page, name, screenshotOptions),
  };
}

function escape(text) {
  return text.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&");
}

async function openPage(page, gateway, path) {
  const address = `${gateway.consoleUrl}/#/${path}`;
  if (page.url().startsWith(`${gateway.consoleUrl}/`)) await page.evaluate(changeFragment, `#/${path}`);
  else await page.goto(address);
  await page.locator("main h1").first().waitFor();
}

/** Runs in the page: opens another page by the fragment, and waits until it has been drawn. */
function changeFragment(fragment) {
  location.hash = fragment;
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}

async function picture(page, name, options = {}) {
  mkdirSync(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.png`);
  await page.screenshot({ path, ...options });
  return path;
}

async function reportFailure(nodeContext, page, monitor) {
  const file = basename(process.argv[1] ?? "", ".test.mjs");
  const name = `failed-${file}-${nodeContext.name}`.replaceAll(/[^\w-]+/g, "-").slice(0, 120);
  try {
    nodeContext.diagnostic(`picture: ${await picture(page, name)}`);
  } catch {
    // The page is closed or does not respond.
  }
  for (const text of monitor.problems()) nodeContext.diagnostic(text);
}
