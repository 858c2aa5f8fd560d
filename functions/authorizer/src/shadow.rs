//! The refusal that a plan in shadow mode (a dry run) did not enforce.

use limits::Verdict;
use outcome::Reason;

/// The refusal of a plan in shadow mode, for the log.
#[derive(Debug)]
pub(crate) struct ShadowRefusal {
    pub(crate) reason: Reason,
    /// The names of the limits that would have refused the request, joined by commas.
    pub(crate) violated: String,
}

impl From<&Verdict> for ShadowRefusal {
    fn from(verdict: &Verdict) -> Self {
        let (reason, violated) = match verdict {
            Verdict::Allowed => (Reason::Ok, String::new()),
            Verdict::Throttled {
                quota: true,
                violated,
                ..
            } => (Reason::QuotaExceeded, violated.join(", ")),
            Verdict::Throttled {
                quota: false,
                violated,
                ..
            } => (Reason::RateExceeded, violated.join(", ")),
            Verdict::Impossible => (Reason::LimitImpossible, String::new()),
            Verdict::Unavailable { .. } => (Reason::StoreUnavailable, String::new()),
        };

        Self { reason, violated }
    }
}
