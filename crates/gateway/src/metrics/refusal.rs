//! Reasons of refusals.

use outcome::{ContextField, Decision, Reason};

use super::context::context;
use crate::api::{Exchange, ResponseSource};

/// The reason of a request that the rate limit of the stage or route refuses. The authorizer is not
/// invoked.
pub(super) const STAGE_THROTTLED: &str = "stage_throttled";
/// The reason of a request from another machine for a route with IAM authorization.
pub(super) const IAM_DENIED: &str = "iam_denied";

/// Returns the reason why a request was refused with 401, 403, 429 or 503. `None` for a request
/// that was not refused, and for a status of the backend.
pub(super) fn refusal_reason(exchange: &Exchange) -> Option<&str> {
    match (exchange.response_source, exchange.status?) {
        (ResponseSource::Listener, 429 | 503) => reason_of_authorizer(exchange),
        (ResponseSource::Gateway, 401 | 403) => {
            Some(reason_of_authorizer(exchange).unwrap_or(IAM_DENIED))
        }
        (ResponseSource::Gateway, 429) => Some(STAGE_THROTTLED),
        // No listener rule applies to a function, so the function itself enforces the decision.
        (ResponseSource::Function, 429 | 503) if is_refused_by_plan(exchange) => {
            reason_of_authorizer(exchange)
        }
        _ => None,
    }
}

/// True if the authorizer has marked the request as one that the plan does not allow.
fn is_refused_by_plan(exchange: &Exchange) -> bool {
    let decision = context(exchange, ContextField::Decision);
    let refused = [Decision::Throttled, Decision::Unavailable].map(Decision::as_str);
    decision.is_some_and(|decision| refused.contains(&decision))
}

fn reason_of_authorizer(exchange: &Exchange) -> Option<&str> {
    let unauthorized = exchange.unauthorized.map(Reason::as_str);
    unauthorized.or_else(|| context(exchange, ContextField::Reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResponseSource::{Backend, Gateway, Listener};

    #[test]
    fn reasons_are_those_of_the_authorizer_or_of_the_gateway() {
        for (source, status, unauthorized, context, reason) in [
            (
                Gateway,
                401,
                Some(Reason::UnknownKey),
                None,
                Some("unknown_key"),
            ),
            (Gateway, 403, None, Some("no_rule"), Some("no_rule")),
            (Gateway, 403, None, None, Some("iam_denied")),
            (Gateway, 429, None, None, Some("stage_throttled")),
            (
                Listener,
                429,
                None,
                Some("rate_exceeded"),
                Some("rate_exceeded"),
            ),
            (
                Listener,
                503,
                None,
                Some("store_unavailable"),
                Some("store_unavailable"),
            ),
            (Gateway, 503, None, Some("ok"), None),
            (Gateway, 502, None, Some("ok"), None),
            (Backend, 401, None, Some("ok"), None),
            (Backend, 429, None, Some("ok"), None),
        ] {
            let mut exchange = Exchange::begin("r1".to_owned(), [127, 0, 0, 1].into());
            exchange.response_source = source;
            exchange.status = Some(status);
            exchange.unauthorized = unauthorized;
            if let Some(reason) = context {
                exchange
                    .authorizer
                    .insert("reason".to_owned(), reason.into());
            }
            assert_eq!(refusal_reason(&exchange), reason, "{source:?} {status}");
        }
    }

    #[test]
    fn function_refuses_only_what_the_authorizer_has_marked() {
        for (status, decision, reason) in [
            (429, "throttled", Some("rate_exceeded")),
            (503, "unavailable", Some("rate_exceeded")),
            (429, "allowed", None),
            (503, "degraded", None),
            (200, "throttled", None),
        ] {
            let mut exchange = Exchange::begin("r1".to_owned(), [127, 0, 0, 1].into());
            exchange.response_source = ResponseSource::Function;
            exchange.status = Some(status);
            for (name, value) in [("reason", "rate_exceeded"), ("decision", decision)] {
                exchange.authorizer.insert(name.to_owned(), value.into());
            }
            assert_eq!(refusal_reason(&exchange), reason, "{status} {decision}");
        }
    }
}
