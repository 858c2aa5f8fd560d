//! Enforcement of the authorizer's decision.
//!
//! The authorizer of an HTTP API cannot respond with 429, so it allows a throttled request and
//! marks it. For a backend, a listener rule of the load balancer then responds. There is no load
//! balancer in front of this function, so the function responds itself, on every route and before
//! any handler.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{Extensions, HeaderValue};
use outcome::{ContextField, Decision, Reason};

use crate::problem::Problem;
use crate::request::caller::context_field;

/// Handles a request that the authorizer has allowed, and rejects one that it has marked.
pub(crate) async fn enforce_decision(request: Request, next: Next) -> Response {
    match rejection(request.extensions()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// Returns the response to a marked request.
///
/// A request without a decision comes from a route without the authorizer. A decision that this
/// release does not know is rejected.
fn rejection(extensions: &Extensions) -> Option<Problem> {
    let field = |field: ContextField| context_field(extensions, field);
    let decision = field(ContextField::Decision)?;
    let problem = match Decision::from_word(decision) {
        Some(Decision::Allowed | Decision::Degraded) => return None,
        Some(Decision::Throttled) => {
            let reason = match field(ContextField::Reason).and_then(Reason::from_word) {
                Some(Reason::QuotaExceeded) => Reason::QuotaExceeded,
                _ => Reason::RateExceeded,
            };
            Problem::throttled(reason, Vec::new())
        }
        _ => Problem::unavailable(),
    };

    let retry_after_s = field(ContextField::RetryAfter);
    let retry_after_s = retry_after_s.and_then(|seconds| seconds.parse::<u64>().ok());
    let retry_after_s = retry_after_s.unwrap_or(1).max(1);
    Some(problem.with_header(RETRY_AFTER, HeaderValue::from(retry_after_s)))
}
