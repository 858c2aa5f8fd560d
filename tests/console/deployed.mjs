// `tollgate console` for a deployed API, in whose place is a local gateway that is called with a signature.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { eventually } from "./eventually.mjs";
import { PROGRAM, PROJECT } from "./gateway.mjs";

const STOP_TIMEOUT_MS = 10_000;
/** Credentials for signatures, which the local gateway does not check. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "not-a-secret" };

/** A script in place of a browser: it copies the file that it gets, which is deleted once it is used. */
const BROWSER = '#!/bin/sh\ncp "$1" "$COPY.new" && mv "$COPY.new" "$COPY"\n';

/** Starts the command for the API at `url`. */
export async function startConsole(url, args = []) {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-deployed-"));
  const [browser, copy] = [join(folder, "browser"), join(folder, "open.html")];
  writeFileSync(browser, BROWSER);
  chmodSync(browser, 0o755);

  const environment = { ...process.env, ...CREDENTIALS, BROWSER: browser, COPY: copy, XDG_RUNTIME_DIR: folder };
  const all = ["console", "--url", url, "--region", "eu-west-1", ...args];
  const child = spawn(PROGRAM, all, { cwd: PROJECT, env: environment, stdio: ["pipe", "pipe", "pipe"] });
  const lines = [];
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on("line", (line) => lines.push(line));
  return new DeployedConsole(child, folder, copy, lines);
}

/** A running `tollgate console`. */
class DeployedConsole {
  constructor(child, folder, copy, lines) {
    Object.assign(this, { child, folder, copy, lines });
  }

  /** Returns the address of a copy of the file that opens the page with a new code. */
  async file() {
    if (this.page !== undefined) this.child.stdin.write("\n");
    const read = async () => (existsSync(this.copy) ? readFileSync(this.copy, "utf8") : undefined);
    this.page = await eventually(read, (page) => page !== undefined && page !== this.page);
    /** The address of the page without a code. */
    [, this.url] = this.page.match(/url=(http:[^#]+)#code=/);
    return pathToFileURL(this.copy).href;
  }

  /** Stops the process. */
  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGINT");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
