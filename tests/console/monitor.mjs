// What a page must not do: write errors or warnings, violate its policy, or call another host.

/** Errors of requests that a page aborts itself, because it is closed or has newer data. */
const ABORTED = "net::ERR_ABORTED";

/** Collects the problems of all pages of a browser context. */
export class Monitor {
  #allowed = [];
  #problems = [];

  /** @param {string} origin the only origin that may be called */
  constructor(origin) {
    this.origin = origin;
  }

  /** Accepts problems whose text matches. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** Returns the problems that were not allowed. */
  problems() {
    return this.#problems.filter((text) => !this.#allowed.some((pattern) => text.search(pattern) !== -1));
  }

  /** Observes a browser context. */
  async observe(context) {
    context.on("console", (message) => this.#message(message));
    context.on("weberror", (error) => this.#add(`uncaught: ${error.error().stack ?? error.error()}`));
    context.on("request", (request) => this.#request(request));
    context.on("requestfailed", (request) => this.#failedRequest(request));
    await context.addInitScript(reportViolations);
  }

  #add(text) {
    this.#problems.push(text);
  }

  #message(message) {
    if (!["error", "warning", "assert"].includes(message.type())) return;
    this.#add(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  }

  #request(request) {
    const { protocol, origin } = new URL(request.url());
    const isLocal = protocol === "data:" || protocol === "blob:" || protocol === "about:";
    if (!isLocal && origin !== this.origin) this.#add(`request to another host: ${request.url()}`);
  }

  #failedRequest(request) {
    const reason = request.failure()?.errorText;
    if (reason !== ABORTED) this.#add(`failed request: ${request.method()} ${request.url()}: ${reason}`);
  }
}

/** Runs in each page: Chromium does not report every violation on the console. */
function reportViolations() {
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`content security policy: ${event.violatedDirective} blocked ${event.blockedURI} ${event.sample}`);
  });
}
