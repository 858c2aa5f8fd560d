/**
 * Applies the authorizer's decision in a Lambda function behind an HTTP API (payload format 2.0).
 *
 *     export const handler = withTollgate(async (event) => ({ statusCode: 200, body: "hello" }));
 *
 * Deploy Tollgate with OnThrottle=function. Otherwise API Gateway itself rejects throttled requests with 403.
 */

const HEADERS = {
  "ratelimit-policy": "ratelimit_policy",
  ratelimit: "ratelimit",
  "retry-after": "retry_after",
};

const PROBLEMS = {
  throttled: {
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    title: "Too Many Requests",
    status: 429,
    detail: "The plan's rate limit or quota is exceeded. Retry after the time in Retry-After.",
  },
  unavailable: {
    type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    title: "Service Unavailable",
    status: 503,
    detail: "The limits of the plan cannot be checked at the moment.",
  },
};

// The values of `auth` for callers that the authorizer has identified.
const IDENTIFIED = ["api_key", "jwt", "introspection", "mtls"];

// The route has no authorizer, or the authorizer is not Tollgate.
const NO_DECISION = { type: "about:blank", title: "Internal Server Error", status: 500 };

/** Returns a handler that calls `handler` only for requests within their limits. */
export function withTollgate(handler) {
  return async (event, lambdaContext) => {
    const context = event.requestContext?.authorizer?.lambda ?? {};
    if (context.decision !== "allowed" && context.decision !== "degraded") {
      return refusal(context);
    }
    if (isPreflight(event, context)) {
      return { statusCode: 204 };
    }

    const response = await handler(event, lambdaContext);
    if (!Number.isInteger(response?.statusCode)) {
      throw new TypeError("the handler returned no statusCode, expected a response with statusCode");
    }
    return { ...response, headers: { ...response.headers, ...limitHeaders(context) } };
  };
}

/**
 * True for a CORS preflight request. The authorizer allows it without credentials and without a charge, so the handler
 * must not run. CORS of the API adds the headers.
 */
function isPreflight(event, context) {
  return event.requestContext.http?.method === "OPTIONS" && !IDENTIFIED.includes(context.auth);
}

/** Returns the response to a request that is not within its limits. */
function refusal(context) {
  const problem = Object.hasOwn(PROBLEMS, context.decision) ? PROBLEMS[context.decision] : NO_DECISION;
  if (problem === NO_DECISION) {
    console.error("The request has no decision of the authorizer");
  }
  return {
    statusCode: problem.status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...limitHeaders(context) },
    body: JSON.stringify(problem),
  };
}

/** Returns the headers whose values are in the authorizer's context. */
function limitHeaders(context) {
  const fields = Object.entries(HEADERS).filter(([, field]) => context[field]);
  return Object.fromEntries(fields.map(([name, field]) => [name, context[field]]));
}
