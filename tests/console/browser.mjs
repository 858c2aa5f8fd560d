// The browser: Debian's Chromium, or the one that the variable CHROMIUM names.

import { accessSync, constants, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Returns the path of the browser, or undefined. */
export function browserPath(environment = process.env) {
  if (environment.CHROMIUM) return environment.CHROMIUM;
  const folders = (environment.PATH ?? "").split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return existsSync(path);
  } catch {
    return false;
  }
}

/**
 * Returns why the tests of the browser are skipped, or false if they run. With CI set, they always run,
 * so that a missing browser is a failure there.
 */
export function skipReason(environment = process.env) {
  if (browserPath(environment) || environment.CI) return false;
  return "Chromium is not installed: install it, for example with `apt-get install chromium`, or set CHROMIUM to its path";
}

/** Starts the browser without a window. */
export async function launchBrowser({ args = [] } = {}) {
  const executablePath = browserPath();
  if (!executablePath) throw new Error("Chromium is not installed");
  const { chromium } = createRequire(import.meta.url)("playwright-core");
  // Chromium refuses to run as root with a sandbox. The pages under test are our own.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args: [...sandbox, "--disable-dev-shm-usage", ...args] });
}
