//! Enforcement of the authorizer's decision.
//!
//! The authorizer of an HTTP API cannot respond with 429, so it allows a throttled request and
//! marks it. No listener rule of a load balancer is in front of this function, so the function
//! responds itself, before any call.

use outcome::{ContextField, Decision, Reason};

use crate::caller_context::CallerContext;
use crate::problem::Problem;

/// The seconds after which a client may retry, if the context does not say.
const DEFAULT_RETRY_AFTER_S: u64 = 1;

/// Checks the decision on a request.
///
/// # Errors
/// 429 or 503 for a request that the authorizer has marked. A decision that this release does not
/// know is refused too.
pub(crate) fn check_decision(context: &CallerContext) -> Result<(), Problem> {
    let retry_after_s = context.get(ContextField::RetryAfter);
    let retry_after_s = retry_after_s.and_then(|seconds| seconds.parse().ok());
    let retry_after_s = retry_after_s.unwrap_or(DEFAULT_RETRY_AFTER_S);

    match context.decision() {
        Some(Decision::Allowed | Decision::Degraded) => Ok(()),
        Some(Decision::Throttled) => {
            let reason = context
                .get(ContextField::Reason)
                .and_then(Reason::from_word);
            let reason = match reason {
                Some(Reason::QuotaExceeded) => Reason::QuotaExceeded,
                _ => Reason::RateExceeded,
            };
            let violated = context.get(ContextField::Violated).map(limit_name);
            let violated = violated.into_iter().collect();
            Err(Problem::throttled(reason, violated, retry_after_s))
        }
        Some(Decision::Unavailable | Decision::Denied) | None => {
            Err(Problem::unavailable(retry_after_s))
        }
    }
}

/// Returns the name of a limit. The authorizer encodes three characters of it.
fn limit_name(encoded: &str) -> String {
    encoded
        .replace("%22", "\"")
        .replace("%5C", "\\")
        .replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(fields: &[(ContextField, &str)]) -> CallerContext {
        CallerContext::new(
            fields
                .iter()
                .map(|(field, value)| (*field, (*value).to_owned())),
        )
    }

    #[test]
    fn only_allowed_and_degraded_requests_pass() {
        for decision in ["allowed", "degraded"] {
            assert!(check_decision(&context(&[(ContextField::Decision, decision)])).is_ok());
        }

        for (decision, status) in [
            ("throttled", 429),
            ("unavailable", 503),
            ("denied", 503),
            ("-", 503),
            ("", 503),
            ("Allowed", 503),
        ] {
            let problem = check_decision(&context(&[(ContextField::Decision, decision)]));
            assert_eq!(problem.unwrap_err().status().as_u16(), status, "{decision}");
        }
        assert!(check_decision(&CallerContext::default()).is_err());
    }

    #[test]
    fn refusal_says_when_to_retry_and_why() {
        let throttled = |retry_after: &str| {
            check_decision(&context(&[
                (ContextField::Decision, "throttled"),
                (ContextField::Reason, "quota_exceeded"),
                (ContextField::Violated, "%22100%25%22 a day"),
                (ContextField::RetryAfter, retry_after),
            ]))
            .unwrap_err()
        };

        for (retry_after, expected) in [("60", "60"), ("0", "1"), ("-", "1"), ("soon", "1")] {
            assert_eq!(throttled(retry_after).headers()["retry-after"], expected);
        }
        let body: serde_json::Value = serde_json::from_slice(&throttled("60").body()).unwrap();
        assert_eq!(body["reason"], "quota_exceeded");
        assert_eq!(
            body["violated-policies"],
            serde_json::json!(["\"100%\" a day"])
        );
        assert_eq!(body["status"], 429);
    }
}
