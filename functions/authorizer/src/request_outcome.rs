//! The outcome of a request whose caller is identified.

use outcome::{Decision, Reason};

/// The decision on a request, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestOutcome {
    pub(crate) decision: Decision,
    pub(crate) reason: Reason,
    /// Seconds after which a refused request may be repeated.
    pub(crate) retry_after_s: Option<u64>,
}

impl RequestOutcome {
    /// The request is within its limits, or has none.
    pub(crate) const fn allowed() -> Self {
        Self {
            decision: Decision::Allowed,
            reason: Reason::Ok,
            retry_after_s: None,
        }
    }

    /// A rate limit or a `quota` is used up: 429.
    pub(crate) const fn throttled(quota: bool, retry_after_s: u64) -> Self {
        Self {
            decision: Decision::Throttled,
            reason: if quota {
                Reason::QuotaExceeded
            } else {
                Reason::RateExceeded
            },
            retry_after_s: Some(retry_after_s),
        }
    }

    /// The limits could not be checked, and the plan allows the request.
    pub(crate) const fn degraded() -> Self {
        Self {
            decision: Decision::Degraded,
            reason: Reason::StoreUnavailable,
            retry_after_s: None,
        }
    }

    /// The limits could not be checked, and the plan refuses the request: 503.
    pub(crate) const fn unavailable(retry_after_s: u64) -> Self {
        Self {
            decision: Decision::Unavailable,
            reason: Reason::StoreUnavailable,
            retry_after_s: Some(retry_after_s),
        }
    }
}
