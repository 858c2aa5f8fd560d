// The local gateway that a test file starts for itself.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The folder of the project. */
export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
/** The program under test. The variable TOLLGATE selects another one. */
export const PROGRAM = process.env.TOLLGATE ?? join(PROJECT, "target/debug/tollgate");

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * Starts a gateway on a free port, or on `port`.
 *
 * @param {{seeds?: object, policy?: object, args?: string[], port?: number}} options `seeds` and
 *   `policy` are documents; the built-in ones are the default
 * @returns {Promise<Gateway>}
 */
export async function startGateway({ seeds, policy, args = [], port = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-console-"));
  const file = (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  const all = ["serve", "--listen", `127.0.0.1:${port}`, "--log-format", "off", "--state", join(folder, "state"), ...args];
  if (seeds) all.push("--seeds", file("seeds.json", seeds));
  if (policy) all.push("--policy", file("policy.json", policy));

  const child = spawn(PROGRAM, all, { cwd: PROJECT, stdio: ["ignore", "pipe", "pipe"] });
  const errors = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const gateway = new Gateway(child, folder, errors);
  try {
    gateway.consoleUrl = await withDeadline(consoleAddress(child), START_TIMEOUT_MS, () => errors.join("\n"));
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  gateway.url = new URL(gateway.consoleUrl).origin;
  return gateway;
}

/** Returns the address of the console from the text at startup. */
async function consoleAddress(child) {
  const lines = createInterface({ input: child.stdout });
  const found = new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const match = line.match(/^Console +(http:\S+?),? /);
      if (match) resolve(match[1]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${PROGRAM} ended with ${code}`)));
  });
  return found;
}

async function withDeadline(promise, timeoutMs, detail) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } catch (error) {
    throw new Error(`${error.message}\n${detail()}`);
  } finally {
    clearTimeout(timer);
  }
}

/** A running gateway, with requests to its admin API and to the API itself. */
export class Gateway {
  constructor(child, folder, errors) {
    this.child = child;
    this.folder = folder;
    /** Lines that the gateway wrote to its standard error. */
    this.errors = errors;
  }

  /** Stops the process. */
  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null && this.child.pid) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGINT");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Sends a request to the admin API, such as `admin("GET", "/plans")`. Fails on a status from 400. */
  async admin(method, path, body, { headers = {}, type = "application/json" } = {}) {
    const content = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(`${this.url}/_tollgate/v1${path}`, {
      method,
      body: content,
      headers: content === undefined ? headers : { "content-type": type, ...headers },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  }

  /** Creates or replaces a plan. */
  plan(name, plan) {
    return this.admin("PUT", `/plans/${encodeURIComponent(name)}`, plan);
  }

  /** Creates a key and returns it with its secret in `key`. */
  key(fields) {
    return this.admin("POST", "/keys", fields);
  }

  /**
   * Imports keys by CSV and returns their secrets.
   *
   * @param {number} count at most 10,000
   * @param {string} plan an existing plan
   * @param {(index: number) => string} name
   */
  async importKeys(count, plan, name = (index) => `Customer ${String(index).padStart(5, "0")}`) {
    const secrets = Array.from({ length: count }, (_, index) => `imported_key_${String(index).padStart(12, "0")}`);
    const rows = secrets.map((secret, index) => `${name(index)},${secret}`);
    await this.admin("POST", `/keys/import?plan=${plan}`, ["Name,Key", ...rows, ""].join("\n"), { type: "text/csv" });
    return secrets;
  }

  /** Calls the API and returns the status. */
  async call(path = "/orders", { key, method = "GET", headers = {} } = {}) {
    const credential = key ? { "x-api-key": key } : {};
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...credential, ...headers },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.status;
  }

  /** Calls the API `count` times, one call after another, and returns the statuses. */
  async calls(count, path, options) {
    const statuses = [];
    for (let index = 0; index < count; index += 1) statuses.push(await this.call(path, options));
    return statuses;
  }

  /** Returns a token of the local issuer, for example `token("--sub", "alice", "--plan", "pro")`. */
  async token(...args) {
    const all = ["token", "--state", join(this.folder, "state"), ...args];
    const { stdout } = await promisify(execFile)(PROGRAM, all, { cwd: PROJECT, timeout: REQUEST_TIMEOUT_MS });
    return stdout.trim();
  }
}
