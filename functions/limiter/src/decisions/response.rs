//! Decisions and refunds as JSON.

use http::StatusCode;
use limits::{Verdict, rate_limit, rate_limit_policy};
use outcome::{Decision, Reason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// A decision. The fields have the names that they have in the authorizer's context.
///
/// The fields are in one flat object because the authorizer's context is flat, and clients read
/// both.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Answer)]
pub(crate) struct DecisionResponse {
    /// `allowed`, `throttled`, `unavailable` or `degraded`. `denied` if the key is not
    /// valid, or if its plan is disabled or does not exist.
    decision: &'static str,
    /// A code for the cause.
    reason: &'static str,
    /// The id of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<String>,
    /// The caller that is charged, as in the authorizer's context: `key#ID`, `sub#HASH`, `group#NAME`
    /// or `plan#NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<String>,
    /// The user of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    /// The plan that is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
    /// The route of the plan whose own limit is charged as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<String>,
    /// The number of calls in the window of the limit that is nearest to exhaustion, including
    /// granted calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// The number of calls that are left of `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    /// The seconds until more calls are available.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<u64>,
    /// The seconds to wait before a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// True if a limit is nearly used up.
    near_limit: bool,
    /// True if the call is beyond a quota that allows overage.
    over_quota: bool,
    /// The value of `RateLimit-Policy` for your own response.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratelimit_policy: Option<String>,
    /// The value of `RateLimit` for your own response.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratelimit: Option<String>,
    /// The charge, for a refund. Absent if nothing was charged, or if no charge can be signed at the
    /// moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) charge: Option<String>,
    /// The body of your own response if the call is not allowed at the moment. It contains the
    /// status.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// The result of a refund.
#[derive(Serialize, ToSchema)]
#[schema(as = Refunded)]
pub(crate) struct RefundResponse {
    /// True if the charge was returned by this request, or by an earlier one whose response was
    /// lost.
    pub(super) refunded: bool,
    /// `ok`, `already_refunded`, `not_found` or `window_over`.
    pub(super) reason: &'static str,
}

impl DecisionResponse {
    /// Returns the response for a decision of the store, without the caller.
    ///
    /// # Errors
    /// 422 for a call that can never be allowed.
    pub(super) fn of(decision: &limits::Decision) -> Result<Self, Problem> {
        let limits = Self::limits(decision);

        match &decision.verdict {
            Verdict::Allowed => {
                let (decision, reason) = if decision.degraded {
                    (Decision::Degraded, Reason::StoreUnavailable)
                } else if decision.shadowed.is_some() {
                    (Decision::Allowed, Reason::ShadowDenied)
                } else {
                    (Decision::Allowed, Reason::Ok)
                };
                Ok(Self {
                    decision: decision.as_str(),
                    reason: reason.as_str(),
                    ..limits
                })
            }
            Verdict::Throttled {
                quota,
                violated,
                retry_after_s,
            } => {
                let violated = violated.iter().map(ToString::to_string).collect();
                Ok(limits.throttled(*quota, violated, *retry_after_s))
            }
            Verdict::Unavailable { retry_after_s } => Ok(Self::unavailable(*retry_after_s)),
            Verdict::Impossible => {
                let detail = "The call can never be allowed: its cost exceeds a burst of the plan, or a quota including its \
                              grants, or such a limit is 0.";
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
                Err(problem.because(Reason::LimitImpossible))
            }
        }
    }

    /// Returns the fields about limits.
    fn limits(decision: &limits::Decision) -> Self {
        let nearest = decision.nearest();
        Self {
            near_limit: decision.near_limit,
            over_quota: decision.over_quota,
            limit: nearest.map(|limit| limit.limit),
            remaining: nearest.map(|limit| limit.remaining),
            reset: nearest.and_then(|limit| limit.reset_s),
            ratelimit_policy: rate_limit_policy(&decision.limits),
            ratelimit: rate_limit(&decision.limits),
            ..Self::default()
        }
    }

    fn throttled(self, is_quota: bool, violated: Vec<String>, retry_after_s: u64) -> Self {
        let reason = if is_quota {
            Reason::QuotaExceeded
        } else {
            Reason::RateExceeded
        };

        Self {
            decision: Decision::Throttled.as_str(),
            reason: reason.as_str(),
            retry_after: Some(retry_after_s),
            problem: Some(Problem::throttled(reason, violated)),
            ..self
        }
    }

    /// Returns the response for a key that is not valid.
    pub(super) fn denied(reason: Reason, key_id: Option<&str>) -> Self {
        Self {
            decision: Decision::Denied.as_str(),
            reason: reason.as_str(),
            key_id: key_id.map(str::to_owned),
            ..Self::default()
        }
    }

    /// Returns the response if the limits cannot be checked.
    pub(super) fn unavailable(retry_after_s: u64) -> Self {
        Self {
            decision: Decision::Unavailable.as_str(),
            reason: Reason::StoreUnavailable.as_str(),
            retry_after: Some(retry_after_s),
            problem: Some(Problem::unavailable()),
            ..Self::default()
        }
    }
}
