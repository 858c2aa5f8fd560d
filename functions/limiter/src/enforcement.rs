//! The authorizer's decision, enforced here.
//!
//! The authorizer lets a throttled request pass with a mark, because an HTTP API's authorizer
//! cannot respond with 429. A listener rule of the load balancer responds for the backend. No load
//! balancer is in front of this function, so it responds itself, on every route and before any
//! handler.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{Extensions, HeaderValue};

use crate::problem::Problem;
use crate::request::caller::context_field;

/// Serves a request that the authorizer has admitted, and responds to one that it has marked.
pub(crate) async fn enforce(request: Request, next: Next) -> Response {
    match refusal(request.extensions()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// The response to a marked request. A request without a decision comes from a route that the
/// authorizer does not guard. A decision that this release does not know is not taken for a yes.
fn refusal(extensions: &Extensions) -> Option<Problem> {
    let problem = match context_field(extensions, "decision")? {
        "allowed" | "degraded" => return None,
        "throttled" => match context_field(extensions, "reason") {
            Some("quota_exceeded") => Problem::throttled("quota_exceeded", Vec::new()),
            _ => Problem::throttled("rate_exceeded", Vec::new()),
        },
        _ => Problem::unavailable(),
    };

    let retry_after_s =
        context_field(extensions, "retry_after").and_then(|seconds| seconds.parse::<u64>().ok());
    Some(problem.with_header(
        RETRY_AFTER,
        HeaderValue::from(retry_after_s.unwrap_or(1).max(1)),
    ))
}
