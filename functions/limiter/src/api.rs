//! Routes and their description, from the same declarations.

use std::sync::LazyLock;
use std::time::Instant;

use aws::timeouts::INTEGRATION;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use utoipa::{IntoResponses, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::enforcement::enforce;
use crate::problem::{IN_DOUBT, Mistake, Problem};
use crate::{Shared, openapi, request::accept, request::caller, request::precondition};
use crate::{decisions, export, import, keys, keys::rotation, plans, policies, usage_report};

/// Every problem that reading may end with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is there for its description")]
pub(crate) enum Reads {
    /// A parameter or a header has mistakes in it.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The caller may not.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The client takes none of the forms that there are.
    #[response(status = 406, content_type = "application/problem+json")]
    NotAcceptable(Problem),
    /// Our failure.
    #[response(status = 500, content_type = "application/problem+json")]
    Failed(Problem),
    /// The store gives no answer.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What a change may end with besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is there for its description")]
pub(crate) enum Writes {
    /// Something else stands in the way.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// What is there is not what the condition names.
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is of another type.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedType(Problem),
    /// The body has mistakes in it, each of which is named.
    #[response(status = 422, content_type = "application/problem+json")]
    Mistakes(Problem),
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Tollgate limiter", description = "Plans, keys, policies, usage and decisions."),
    tags(
        (name = "plans", description = "How often each of a plan's callers may call"),
        (name = "keys", description = "API keys: shown once, stored as hashes"),
        (name = "usage", description = "What callers have used"),
        (name = "decisions", description = "Decisions for callers that have no authorizer"),
        (name = "policies", description = "What the authorizer asks of each path")
    )
)]
struct Description;

/// Behind IAM.
fn administration() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(plans::list))
        .routes(routes!(plans::get, plans::put, plans::delete))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(import::import))
        .routes(routes!(export::export))
        .routes(routes!(keys::get, keys::update, keys::delete))
        .routes(routes!(rotation::rotate))
        .routes(routes!(usage_report::of_key, usage_report::grant))
        .routes(routes!(decisions::decide))
        .routes(routes!(policies::get, policies::put))
        .route_layer(from_fn(only_administrators))
}

/// Behind the authorizer, and for everybody.
fn others() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(usage_report::own))
        .routes(routes!(describe))
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let (_, api) = others().merge(administration()).split_for_parts();
    openapi::complete(serde_json::to_value(api).unwrap_or_default())
});
static DESCRIPTION_TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(DESCRIPTION.to_string()));

pub(crate) fn description() -> &'static Value {
    &DESCRIPTION
}

pub(crate) fn router(shared: Shared) -> Router {
    let (router, _) = others().merge(administration()).split_for_parts();
    let router = router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_allowed);
    router
        .layer(from_fn(enforce))
        .layer(from_fn(serve))
        .with_state(shared)
}

/// Responds to a request that cannot be routed.
pub(crate) fn malformed(mistakes: Vec<Mistake>) -> Router {
    let problem = Problem::malformed(mistakes);
    Router::new()
        .fallback(async move || problem)
        .layer(from_fn(serve))
}

/// The description of all this.
#[utoipa::path(get, path = "/_tollgate/openapi.json", operation_id = "describe", tag = "description",
    responses((status = 200, description = "OpenAPI 3.1", body = Value), Reads))]
async fn describe(State(_): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    Ok(precondition::json_bytes(
        StatusCode::OK,
        DESCRIPTION_TEXT.to_vec(),
    ))
}

async fn nowhere() -> Problem {
    Problem::not_found("such resource")
}

/// Which methods there are, the router says.
async fn not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This resource does not know the request's method.",
    )
}

async fn only_administrators(request: Request, next: Next) -> Response {
    match caller::administrator(request.extensions()) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// By the time that API Gateway gives up, nobody is left to read the answer.
async fn serve(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let answered = tokio::time::timeout(INTEGRATION, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| too_late(&method).into_response());
    let duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let (status, route) = (response.status().as_u16(), route.as_deref().unwrap_or("-"));
    tracing::info!(
        method = method.as_str(),
        route,
        status,
        duration_ms,
        "answered"
    );
    response
}

fn too_late(method: &Method) -> Problem {
    let in_doubt = if method.is_safe() {
        String::new()
    } else {
        format!(" {IN_DOUBT}")
    };
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("It took too long.{in_doubt}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_only_looked_at_cannot_have_happened() {
        let told = |method| {
            serde_json::to_value(too_late(&method)).unwrap()["detail"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(told(Method::GET), "It took too long.");
        assert!(told(Method::PUT).contains("may have happened"));
    }

    #[test]
    fn every_route_of_the_interface_is_described() {
        let paths = DESCRIPTION["paths"].as_object().unwrap();
        let mut operations: Vec<String> = Vec::new();
        for (path, item) in paths {
            let methods = item.as_object().unwrap().keys();
            operations.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        operations.sort_unstable();
        let mut expected = [
            "GET /_tollgate/openapi.json",
            "GET /_tollgate/usage",
            "GET /_tollgate/v1/plans",
            "GET /_tollgate/v1/plans/{plan}",
            "PUT /_tollgate/v1/plans/{plan}",
            "DELETE /_tollgate/v1/plans/{plan}",
            "GET /_tollgate/v1/keys",
            "POST /_tollgate/v1/keys",
            "POST /_tollgate/v1/keys/import",
            "GET /_tollgate/v1/keys/export",
            "GET /_tollgate/v1/keys/{key_id}",
            "PATCH /_tollgate/v1/keys/{key_id}",
            "DELETE /_tollgate/v1/keys/{key_id}",
            "POST /_tollgate/v1/keys/{key_id}/rotate",
            "GET /_tollgate/v1/keys/{key_id}/usage",
            "PATCH /_tollgate/v1/keys/{key_id}/usage",
            "POST /_tollgate/v1/decisions",
            "GET /_tollgate/v1/policies/{name}",
            "PUT /_tollgate/v1/policies/{name}",
        ];
        expected.sort_unstable();
        assert_eq!(operations, expected);
    }
}
