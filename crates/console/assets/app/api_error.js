// The ways in which a request can fail.

/** The kinds of errors. */
export const KIND = {
  /** The request is invalid, or conflicts with the current state: statuses 400 to 499. */
  invalid: "invalid",
  /** The operator may not do this: status 403. */
  denied: "denied",
  /** The object has changed since it was read: status 412. */
  changed: "changed",
  /** The server failed: statuses 500 and above. */
  failed: "failed",
  /** There was no response. */
  unreachable: "unreachable",
  /** There was no response in time. */
  timeout: "timeout",
  /** The operator cancelled it. */
  cancelled: "cancelled",
  /** The session of the console has ended. */
  session: "session",
};

/** A request without a successful response. */
export class ApiError extends Error {
  /**
   * @param {string} kind one of `KIND`
   * @param {string} message a sentence for the operator
   * @param {{status?: number, title?: string, errors?: {pointer?: string, detail: string}[],
   *   retryAfterS?: number, requestId?: string}} more parts of the response
   */
  constructor(kind, message, more = {}) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.status = more.status;
    this.title = more.title;
    this.errors = more.errors ?? [];
    this.retryAfterS = more.retryAfterS;
    this.requestId = more.requestId;
  }
}

function kindOf(status) {
  if (status === 403) return KIND.denied;
  if (status === 412) return KIND.changed;
  return status >= 500 ? KIND.failed : KIND.invalid;
}

/** Returns the error of a response. `problem` is its body, if that is JSON. */
export function errorOfResponse(response, problem) {
  const { status } = response;
  const message =
    problem?.detail ?? problem?.title ?? problem?.message ?? `The server responded with status ${status}.`;
  const retryAfterS = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  return new ApiError(kindOf(status), String(message), {
    status,
    title: problem?.title,
    errors: Array.isArray(problem?.errors) ? problem.errors : [],
    retryAfterS: Number.isNaN(retryAfterS) ? undefined : retryAfterS,
    requestId: response.headers.get("apigw-requestid") ?? response.headers.get("x-request-id") ?? undefined,
  });
}
