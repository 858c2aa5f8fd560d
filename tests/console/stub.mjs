// Responses in place of the server's, for states that are hard to reach.

import { setTimeout as delay } from "node:timers/promises";

/** Returns a pattern of a path below `/_tollgate/`, in which `*` is one segment. */
function patternOf(path) {
  const escaped = path.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]+");
  return new RegExp(`^/_tollgate/${escaped}$`);
}

/**
 * Responds to an operation in place of the server.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} operation such as `GET console/api/overview` or `PATCH v1/keys/*`
 * @param {object | ((request: Request) => object | undefined)} response `{status, json, text, headers}`, or
 *   `{abort: true}` for a failed connection. Undefined sends the request to the server.
 * @param {{delayMs?: number}} options Infinity delays the response until `release`
 * @returns {Promise<{requests: Request[], release: () => void, remove: () => Promise<void>}>}
 */
export async function stub(page, operation, response, { delayMs = 0 } = {}) {
  const [method, path] = operation.split(" ");
  const pattern = patternOf(path);
  const requests = [];
  const released = Promise.withResolvers?.() ?? withResolvers();

  const matches = (url) => pattern.test(url.pathname);
  const handler = async (route) => {
    const request = route.request();
    if (request.method() !== method) return route.fallback();

    requests.push(request);
    if (delayMs === Infinity) await released.promise;
    else if (delayMs > 0) await Promise.race([delay(delayMs, undefined, { ref: false }), released.promise]);
    return fulfil(route, typeof response === "function" ? response(request) : response);
  };

  await page.route(matches, handler);
  return { requests, release: released.resolve, remove: () => page.unroute(matches, handler) };
}

async function fulfil(route, response) {
  // The page may have aborted the request, or may be closed, while the response was delayed.
  try {
    if (response === undefined) return await route.fallback();
    if (response.abort) return await route.abort("connectionfailed");

    const { status = 200, json, text = "", headers = {} } = response;
    const type = status >= 400 ? "application/problem+json" : "application/json";
    const contentType = json === undefined ? {} : { "content-type": type };
    const body = json === undefined ? text : JSON.stringify(json);
    return await route.fulfill({ status, body, headers: { ...contentType, ...headers } });
  } catch {
    return undefined;
  }
}

function withResolvers() {
  const result = {};
  result.promise = new Promise((resolve) => {
    result.resolve = resolve;
  });
  return result;
}

/** Returns the response of an error, as the APIs send it. */
export function problem(status, detail, more = {}) {
  return { status, json: { status, title: "Error", detail, ...more } };
}
