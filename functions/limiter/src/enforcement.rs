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
use outcome::{ContextField, Decision, Reason};

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
    let decision = context_field(extensions, ContextField::Decision.as_str())?;
    let problem = match Decision::from_word(decision) {
        Some(Decision::Allowed | Decision::Degraded) => return None,
        Some(Decision::Throttled) => {
            let reason = context_field(extensions, ContextField::Reason.as_str());
            let reason = match reason.and_then(Reason::from_word) {
                Some(Reason::QuotaExceeded) => Reason::QuotaExceeded,
                _ => Reason::RateExceeded,
            };
            Problem::throttled(reason.as_str(), Vec::new())
        }
        _ => Problem::unavailable(),
    };

    let retry_after_s = context_field(extensions, ContextField::RetryAfter.as_str())
        .and_then(|seconds| seconds.parse::<u64>().ok());
    Some(problem.with_header(
        RETRY_AFTER,
        HeaderValue::from(retry_after_s.unwrap_or(1).max(1)),
    ))
}
