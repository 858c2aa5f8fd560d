// The dashboard that compositions.json declares, without an HTTP library: its parts, and the merge of their responses.

export const MAX_BODY_BYTES = 2_000_000;
export const PART_TIMEOUT_MS = 2_000;

const PARTS = [
  { name: "user", path: (id) => `/users/${id}`, fallback: { name: "User" } },
  { name: "orders", path: (id) => `/orders?userId=${id}&limit=5`, fallback: { items: [], total: 0 } },
  { name: "products", path: (id) => `/products/recommended?userId=${id}`, fallback: { items: [] } },
];

// A failed call of a service. The response names the reason.
export class PartError extends Error {
  constructor(reason, status) {
    super(reason);
    this.reason = reason;
    this.status = status;
  }
}

// Returns the headers that the services receive.
function headersFor(headers, userId) {
  const found = {
    accept: "application/json",
    "accept-encoding": "identity",
    "x-user-id": userId,
    "x-request-id": headers["x-request-id"] ?? crypto.randomUUID(),
  };
  if (headers.traceparent) found.traceparent = headers.traceparent;
  if (headers["accept-language"]) found["accept-language"] = headers["accept-language"];
  return found;
}

// Calls all services at the same time. `get(path, headers)` returns parsed JSON, or fails with a PartError.
export async function dashboard(headers, get) {
  const userId = headers["x-user-id"];
  if (!userId) return { status: 401, body: { title: "Unauthorized" } };

  const sent = headersFor(headers, userId);
  const settled = await Promise.allSettled(PARTS.map((part) => get(part.path(encodeURIComponent(userId)), sent)));

  const body = {};
  const missing = [];
  for (const [index, { value, reason }] of settled.entries()) {
    const { name, fallback } = PARTS[index];
    body[name] = reason ? fallback : value;
    if (reason) missing.push(description(name, reason));
  }
  if (missing.length > 0) body._metadata = { missing };
  return { status: missing.length > 0 ? 206 : 200, body };
}

function description(part, error) {
  if (!(error instanceof PartError)) throw error;
  const known = { part, reason: error.reason, fallback: true };
  return error.status ? { ...known, status: error.status } : known;
}

// Returns the headers of the response. Libraries add the entity tag of a complete one.
export function responseHeaders(status) {
  return status === 200
    ? { "cache-control": "private, no-cache", "x-tollgate-complete": "true" }
    : { "cache-control": "no-store", "x-tollgate-complete": "false" };
}
