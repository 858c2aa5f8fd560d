// Requests to the admin API and to the console's own API, both of this origin.

import { activityHeaders } from "./activity.js";
import { ApiError, errorOfResponse, KIND } from "./api_error.js";
import { reportConnection } from "./connection.js";
import { cursorCheck } from "./cursor.js";
import { forgetDenied, rememberDenied } from "./permissions.js";
import { endSession, sessionHeader } from "./session.js";

/** The path of the admin API, relative to the page. */
const ADMIN = new URL("../v1", document.baseURI).pathname;
/** The path of the console's own API. */
const CONSOLE = new URL("api", document.baseURI).pathname;
/** The path of the description of the API. */
export const DESCRIPTION = new URL("../openapi.json", document.baseURI).pathname;

const TIMEOUT_MS = 45_000;
const HEADER = "x-tollgate-console";
/** The header of a response to a request without a valid session. */
const SESSION_STATUS = "x-tollgate-console-session";

/**
 * Sends a request and returns the response if its status is 200 to 299.
 *
 * @param {string} method
 * @param {string} url a path of this origin
 * @param {{body?: unknown, text?: string, contentType?: string, headers?: Record<string, string>,
 *   signal?: AbortSignal, timeoutMs?: number, keepalive?: boolean}} options `body` is sent as JSON, `text` as it is.
 *   With `keepalive`, the request outlives the page
 * @throws {ApiError}
 */
export async function send(method, url, options = {}) {
  const { body, text, contentType, headers = {}, signal, timeoutMs = TIMEOUT_MS, keepalive = false } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const content = body === undefined ? text : JSON.stringify(body);
  const type = contentType ?? "application/json";

  let response;
  try {
    response = await fetch(url, {
      method,
      body: content,
      headers: {
        accept: "application/json",
        [HEADER]: sessionHeader(),
        ...activityHeaders(),
        ...(content === undefined ? {} : { "content-type": type }),
        ...headers,
      },
      keepalive,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: "no-store",
      redirect: "error",
    });
    reportConnection(true);
    if (response.ok) {
      forgetDenied(method, url);
      return response;
    }
  } catch (error) {
    throw transportError(error, signal, timeoutMs);
  }

  if (response.headers.get(SESSION_STATUS) === "ended") {
    endSession();
    throw new ApiError(KIND.session, "The session has ended. Open the console again with tollgate console.", { status: response.status });
  }
  const error = errorOfResponse(response, await problemOf(response));
  if (error.kind === KIND.denied) rememberDenied(method, url, error.message);
  throw error;
}

function transportError(error, signal, timeoutMs) {
  if (signal?.aborted) return error;
  if (error.name === "TimeoutError") {
    return new ApiError(KIND.timeout, `There was no response within ${timeoutMs / 1000} s.`);
  }
  reportConnection(false);
  return new ApiError(KIND.unreachable, "The server does not respond. Is the gateway or tollgate console still running?");
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

/** Returns a path with a query. Parameters without a value are left out. */
export function withQuery(path, parameters = {}) {
  const present = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "" && value !== null);
  return present.length === 0 ? path : `${path}?${new URLSearchParams(present)}`;
}

/** Returns a path of encoded segments: `segments("keys", id)` is `/keys/…`. */
export function segments(...parts) {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

/** Returns a client of an API below `base`. Each function resolves to `{ data, etag }`. */
function client(base) {
  const call = async (method, path, options) => {
    const response = await send(method, `${base}${path}`, options);
    const text = await response.text();
    return { data: text === "" ? undefined : JSON.parse(text), etag: response.headers.get("etag") ?? undefined };
  };
  return {
    get: (path, options) => call("GET", path, options),
    post: (path, body, options) => call("POST", path, { body, ...options }),
    put: (path, body, options) => call("PUT", path, { body, ...options }),
    patch: (path, body, options) => call("PATCH", path, { body, ...options }),
    delete: (path, options) => call("DELETE", path, options),
    /** Returns the response itself, for example for CSV. */
    raw: (method, path, options) => send(method, `${base}${path}`, options),
  };
}

/** The admin API: `admin.get("/plans")`. */
export const admin = client(ADMIN);
/** The console's own API: `consoleApi.get("/target")`. */
export const consoleApi = client(CONSOLE);

/** Yields the pages of a list of the admin API, each an array of items. */
export async function* pages(path, parameters = {}, options = {}) {
  const check = cursorCheck();
  let cursor;
  do {
    const { data } = await admin.get(withQuery(path, { limit: 100, ...parameters, cursor }), options);
    yield data.items;
    cursor = check(data.next_cursor);
  } while (cursor);
}

/** Returns all items of a list, at most `most` of them. */
export async function allItems(path, { most = 1_000, parameters, signal } = {}) {
  const items = [];
  for await (const page of pages(path, parameters, { signal })) {
    items.push(...page);
    if (items.length >= most) break;
  }
  return items.slice(0, most);
}
