//! The decision on one call, and how each limit stands after it.

use std::sync::Arc;

use crate::ChargeId;

/// What was decided, and how each limit stands after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// May the call pass?
    pub verdict: Verdict,
    /// Every limit of the plan that applies: the caller's bucket, the route's, the quotas. Empty
    /// for an unlimited plan, for a call that can never pass, and where nobody knows how they
    /// stand.
    pub limits: Vec<Limit>,
    /// Whether the share of some limit that has been used reaches the plan's `near_limit`.
    pub near_limit: bool,
    /// Whether the store gave no answer in time, so that the plan's `on_store_failure` did.
    pub degraded: bool,
    /// What a plan in shadow mode would have answered, had it not let the call pass. Nothing has
    /// been charged then, as nothing would have been.
    pub shadowed: Option<Verdict>,
    /// What a refund needs, where something was charged.
    pub charge: Option<ChargeId>,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It passes, and has been charged.
    Allowed,
    /// Not now; nothing has been charged.
    Throttled {
        /// Whether a quota is used up; else it is a rate alone.
        quota: bool,
        /// The names of the limits that do not allow it. Empty if the caller calls more often than
        /// its item can be written.
        violated: Vec<Arc<str>>,
        /// Seconds after which a call of this cost would pass if nobody else called. At least 1.
        retry_after_s: u64,
    },
    /// Waiting does not help: the cost is above a burst, or above a quota and what was granted, or
    /// such a limit is 0.
    Impossible,
    /// The store gave no answer in time, and the plan says to refuse then.
    Unavailable {
        /// Seconds after which the store will be asked again. At least 1.
        retry_after_s: u64,
    },
}

/// How one limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its policy's name: `burst` or `window`, a route, or the quota's.
    pub name: Arc<str>,
    /// Calls in `window_s`. For a quota, what was granted in the present window is part of it.
    pub limit: u64,
    /// Seconds: the time in which a bucket fills, or the length of the quota's present window.
    pub window_s: u64,
    /// Calls left.
    pub remaining: u64,
    /// Seconds until more calls are there than `remaining`. None where there can be no more.
    pub reset_s: Option<u64>,
}

impl Limit {
    /// Returns the share of the limit that is used, from 0 to 1. It is 1 for a limit of 0.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share needs no more than 52 bits"
    )]
    pub fn used_share(&self) -> f64 {
        if self.limit == 0 {
            return 1.0;
        }
        self.limit.saturating_sub(self.remaining) as f64 / self.limit as f64
    }
}

impl Decision {
    /// A verdict that tells no limits.
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            limits: Vec::new(),
            near_limit: false,
            degraded: false,
            shadowed: None,
            charge: None,
        }
    }

    /// The same, with what a refund needs.
    pub fn charged(self, charge: Option<ChargeId>) -> Self {
        Self { charge, ..self }
    }

    /// The same where the plan only watches: nothing is refused.
    pub fn in_shadow(self, shadow: bool) -> Self {
        if !shadow || self.verdict == Verdict::Allowed {
            return self;
        }
        Self {
            verdict: Verdict::Allowed,
            shadowed: Some(self.verdict),
            ..self
        }
    }

    /// Whether something was taken from the caller's limits.
    pub fn is_charged(&self) -> bool {
        self.verdict == Verdict::Allowed && !self.degraded
    }

    /// The limit with the fewest calls left, the one a caller meets first; of equals the one that
    /// keeps it longest.
    #[must_use]
    pub fn nearest(&self) -> Option<&Limit> {
        self.limits
            .iter()
            .min_by_key(|limit| (limit.remaining, std::cmp::Reverse(limit.reset_s)))
    }
}
