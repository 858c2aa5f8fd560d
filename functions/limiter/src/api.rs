//! The router of all requests, and the OpenAPI description of the routes.

use std::sync::LazyLock;
use std::time::Instant;

use aws::timeouts::INTEGRATION_TIMEOUT;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use telemetry::{milliseconds, on_current_span};
use utoipa::OpenApi as _;

use crate::enforcement::enforce_decision;
use crate::error_responses::Reads;
use crate::problem::{Mistake, Problem};
use crate::request::{accept, caller};
use crate::response_headers::add_headers;
use crate::{RateLimitHeaders, Shared, openapi, response, routes};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Tollgate limiter", description = "Plans, API keys, policies, compositions, blocks, usage and decisions."),
    tags(
        (name = "plans", description = "Usage plans: rate limits and quotas"),
        (name = "keys", description = "API keys: shown once, stored as hashes"),
        (name = "usage", description = "Usage of API keys, and grants"),
        (name = "decisions", description = "Decisions for services without an authorizer"),
        (name = "policies", description = "Authorization policies: the credentials that each path requires"),
        (name = "compositions", description = "API compositions: routes whose response is merged from those of several services"),
        (name = "audit", description = "Records of administrative changes")
    )
)]
struct Description;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let api = routes::describe_all(Description::openapi());
    openapi::complete(serde_json::to_value(api).unwrap_or_default())
});
static DESCRIPTION_TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(DESCRIPTION.to_string()));

/// Returns the OpenAPI description.
pub(crate) fn description() -> &'static Value {
    &DESCRIPTION
}

/// Returns the router of all requests.
pub(crate) fn router(shared: Shared) -> Router {
    let administrative = routes::administrative().route_layer(from_fn(require_administrator));
    let router = routes::open()
        .merge(administrative)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);

    let headers = from_fn_with_state(shared.rate_limit_headers, add_headers);
    router
        .layer(from_fn(enforce_decision))
        .layer(from_fn(time_and_log))
        .layer(headers)
        .with_state(shared)
}

/// Returns the router of a request that is not valid HTTP.
pub(crate) fn malformed(mistakes: Vec<Mistake>, format: RateLimitHeaders) -> Router {
    let problem = Problem::malformed(mistakes);
    Router::new()
        .fallback(async move || problem)
        .layer(from_fn(time_and_log))
        .layer(from_fn_with_state(format, add_headers))
}

/// Get this description
#[utoipa::path(get, path = "/_tollgate/openapi.json", operation_id = "describe", tag = "description",
    responses((status = 200, description = "OpenAPI 3.1", body = Value), Reads))]
pub(crate) async fn describe(
    State(_): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    let body = DESCRIPTION_TEXT.to_vec();
    Ok(response::json_bytes(StatusCode::OK, body))
}

async fn not_found() -> Problem {
    Problem::not_found("resource")
}

/// The router adds `Allow`.
async fn method_not_allowed() -> Problem {
    let detail = "This resource does not support the request method.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

async fn require_administrator(request: Request, next: Next) -> Response {
    match caller::administrator(request.extensions()) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Logs the request, and ends it when API Gateway stops waiting for the response.
async fn time_and_log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());

    let response = tokio::time::timeout(INTEGRATION_TIMEOUT, next.run(request)).await;
    let response = response.unwrap_or_else(|_| timed_out(&method).into_response());

    let duration_ms = milliseconds(started.elapsed());
    let (status, route) = (response.status().as_u16(), route.as_deref().unwrap_or("-"));
    tracing::info!(
        method = method.as_str(),
        route,
        status,
        duration_ms,
        "handled the request"
    );
    describe_span(&method, route, status);
    response
}

/// Sets the attributes of the request's span. Only the route's template is a part of its name.
fn describe_span(method: &Method, route: &str, status: u16) {
    on_current_span(|span| {
        let method = method.as_str().to_owned();
        if route != "-" {
            span.rename(format!("{method} {route}"));
            span.set("http.route", route.to_owned());
        }

        span.set("http.request.method", method);
        span.set("http.response.status_code", status);
        if status >= 500 {
            span.fail(status.to_string());
        }
    });
}

fn timed_out(method: &Method) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The request timed out.");
    if method.is_safe() {
        problem
    } else {
        problem.with_unknown_effect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_of_a_write_says_that_it_may_have_been_applied() {
        let detail = |method| {
            let problem = serde_json::to_value(timed_out(&method)).unwrap();
            problem["detail"].as_str().unwrap().to_owned()
        };

        assert_eq!(detail(Method::GET), "The request timed out.");
        assert!(detail(Method::PUT).contains("may have been applied"));
    }

    #[test]
    fn every_route_is_described() {
        let paths = DESCRIPTION["paths"].as_object().unwrap();
        let mut operations: Vec<String> = Vec::new();
        for (path, item) in paths {
            let methods = item.as_object().unwrap().keys();
            operations.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        operations.sort_unstable();

        let mut expected = [
            "GET /_tollgate/account",
            "GET /_tollgate/account.css",
            "GET /_tollgate/account.js",
            "GET /_tollgate/openapi.json",
            "GET /_tollgate/usage",
            "GET /_tollgate/v1/plans",
            "GET /_tollgate/v1/plans/{plan}",
            "PUT /_tollgate/v1/plans/{plan}",
            "DELETE /_tollgate/v1/plans/{plan}",
            "GET /_tollgate/v1/keys",
            "POST /_tollgate/v1/keys",
            "POST /_tollgate/v1/keys/bulk",
            "POST /_tollgate/v1/keys/import",
            "GET /_tollgate/v1/keys/export",
            "GET /_tollgate/v1/keys/hashes",
            "POST /_tollgate/v1/keys/lookup",
            "GET /_tollgate/v1/keys/{key_id}",
            "PUT /_tollgate/v1/keys/{key_id}",
            "PATCH /_tollgate/v1/keys/{key_id}",
            "DELETE /_tollgate/v1/keys/{key_id}",
            "POST /_tollgate/v1/keys/{key_id}/rotate",
            "GET /_tollgate/v1/keys/{key_id}/usage",
            "PATCH /_tollgate/v1/keys/{key_id}/usage",
            "GET /_tollgate/v1/keys/{key_id}/grants",
            "DELETE /_tollgate/v1/keys/{key_id}/grants/{grant_id}",
            "GET /_tollgate/v1/usage",
            "GET /_tollgate/v1/callers/sub",
            "GET /_tollgate/v1/callers/{kind}/{id}/usage",
            "PATCH /_tollgate/v1/callers/{kind}/{id}/usage",
            "GET /_tollgate/v1/callers/{kind}/{id}/grants",
            "DELETE /_tollgate/v1/callers/{kind}/{id}/grants/{grant_id}",
            "GET /_tollgate/v1/plans/{plan}/usage",
            "POST /_tollgate/v1/decisions",
            "GET /_tollgate/v1/policies/{name}",
            "PUT /_tollgate/v1/policies/{name}",
            "GET /_tollgate/v1/policies",
            "GET /_tollgate/v1/compositions",
            "GET /_tollgate/v1/compositions/{name}",
            "PUT /_tollgate/v1/compositions/{name}",
            "DELETE /_tollgate/v1/compositions/{name}",
            "DELETE /_tollgate/v1/policies/{name}",
            "GET /_tollgate/v1/policies/{name}/candidate",
            "PUT /_tollgate/v1/policies/{name}/candidate",
            "DELETE /_tollgate/v1/policies/{name}/candidate",
            "POST /_tollgate/v1/policies/{name}/promote",
            "GET /_tollgate/v1/blocks",
            "GET /_tollgate/v1/blocks/{kind}/{id}",
            "PUT /_tollgate/v1/blocks/{kind}/{id}",
            "DELETE /_tollgate/v1/blocks/{kind}/{id}",
            "GET /_tollgate/v1/audit",
        ];
        expected.sort_unstable();
        assert_eq!(operations, expected);
    }
}
