//! The decision on one call, with the state of each limit.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{ChargeId, QuotaThreshold};

/// The limits of a decision. Two of them need no allocation.
pub type Limits = SmallVec<[Limit; 2]>;

/// The names of the limits that refuse a call. One of them needs no allocation.
pub type Violated = SmallVec<[Arc<str>; 1]>;

/// The decision on one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The verdict on the call.
    pub verdict: Verdict,
    /// Every limit that applies: the caller's sliding window or bucket, the route's bucket, and the
    /// quotas. Empty for an unlimited plan, for an impossible call, and if the state is unknown.
    pub limits: Limits,
    /// True if the used share of a limit has reached the plan's `near_limit`.
    pub near_limit: bool,
    /// True if the caller is beyond the limit of a quota that allows it.
    pub over_quota: bool,
    /// The thresholds of quotas that the caller has reached and that were not logged before.
    pub thresholds: Vec<QuotaThreshold>,
    /// True if the store did not respond in time and the plan's `on_store_failure` was applied.
    pub degraded: bool,
    /// The verdict that a plan in shadow mode overrides. The call passes and is not charged.
    pub shadowed: Option<Verdict>,
    /// The id of the charge, with which it can be refunded. `None` if nothing was charged.
    pub charge: Option<ChargeId>,
}

/// The verdict on a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The call passes and is charged.
    Allowed,
    /// The call is refused for now. Nothing is charged.
    Throttled {
        /// True if a quota is used up, false if only a rate is exceeded.
        quota: bool,
        /// The names of the limits that refuse the call. Empty if the caller calls more often than
        /// its item can be written.
        violated: Violated,
        /// The time after which a call of this cost passes, in seconds, if there are no other
        /// calls. At least 1.
        retry_after_s: u64,
    },
    /// The call is refused, and waiting does not help. A limit is 0, or the cost is greater than a
    /// burst, a window's limit, or a quota with its grants.
    Impossible,
    /// The store did not respond in time, and the plan's `on_store_failure` is `deny`.
    Unavailable {
        /// The time after which the store will be called again, in seconds. At least 1.
        retry_after_s: u64,
    },
}

/// The state of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name in `RateLimit-Policy`: `burst`, `window`, a route key, or the name of a quota.
    pub name: Arc<str>,
    /// The number of calls in `window_s`. A quota includes the calls granted in the current window.
    pub limit: u64,
    /// The time in which a bucket fills, or the length of the current window, in seconds. `None` if
    /// the window never ends.
    pub window_s: Option<u64>,
    /// The number of calls left.
    pub remaining: u64,
    /// The time until more calls than `remaining` are left, in seconds. `None` if all are left, or
    /// if the window never ends.
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
    /// Returns a decision without limits.
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            limits: Limits::new(),
            near_limit: false,
            over_quota: false,
            thresholds: Vec::new(),
            degraded: false,
            shadowed: None,
            charge: None,
        }
    }

    /// Returns the decision with the id of its charge.
    pub fn charged(mut self, charge: Option<ChargeId>) -> Self {
        self.charge = charge;
        self
    }

    /// Returns the decision of a plan. If the plan is in `shadow` mode, the call always passes.
    pub fn in_shadow(mut self, shadow: bool) -> Self {
        self.shadow(shadow);
        self
    }

    /// Changes the decision to that of a plan: see [`in_shadow`](Self::in_shadow).
    pub fn shadow(&mut self, shadow: bool) {
        if shadow && self.verdict != Verdict::Allowed {
            self.shadowed = Some(std::mem::replace(&mut self.verdict, Verdict::Allowed));
        }
    }

    /// Returns the names of the limits that refuse the call, or would refuse it without shadow
    /// mode.
    pub fn violated(&self) -> &[Arc<str>] {
        match self.shadowed.as_ref().unwrap_or(&self.verdict) {
            Verdict::Throttled { violated, .. } => violated,
            _ => &[],
        }
    }

    /// Returns the one of the [violated](Self::violated) limits that has more calls last. `None` if
    /// no limit refuses the call.
    pub fn longest_violated(&self) -> Option<&Limit> {
        let violated = self.violated();
        let limits = self.limits.iter();
        limits
            .filter(|limit| violated.contains(&limit.name))
            .max_by_key(|limit| limit.reset_s.unwrap_or(u64::MAX))
    }

    /// True if the call was charged.
    pub fn is_charged(&self) -> bool {
        self.verdict == Verdict::Allowed && !self.degraded
    }

    /// True if a limit refuses the call.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::Throttled { .. } | Verdict::Impossible
        )
    }

    /// Returns the limit with the fewest calls left. If several have the same number, it is the one
    /// with the latest reset.
    #[must_use]
    pub fn nearest(&self) -> Option<&Limit> {
        self.limits
            .iter()
            .min_by_key(|limit| (limit.remaining, std::cmp::Reverse(limit.reset_s)))
    }
}
