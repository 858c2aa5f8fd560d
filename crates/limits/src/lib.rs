//! Usage plans and the decision on one call, without I/O.
//!
//! A [`Demand`] is what a call takes from each limit of its plan. [`Demand::evaluate`] compares it
//! with the [`Usage`] of a caller. The current instant is passed in. A store has one task left: it
//! applies an allowed demand as a whole or not at all.
//!
//! - reads: plan documents ([`PlanDocument`]) and a caller's usage, both passed in
//! - writes: nothing
//! - on failure: a refusal is a [`Verdict`], an invalid document a [`PlanError`]. An instant
//!   outside the calendar yields `None`.
//!
//! ```
//! use limits::{Demand, Plan, PlanDocument, SECOND, Usage, Verdict, rate_limit};
//!
//! let document: PlanDocument = serde_json::from_str(
//!     r#"{
//!         "throttle": {"rate": 1, "burst": 5},
//!         "quotas": [{"limit": 100, "period": "day"}]
//!     }"#,
//! )?;
//! let plan = Plan::new("free", document)?;
//!
//! let now = 1_795_348_800 * SECOND; // 2026-11-22T12:00:00Z
//! let call = Demand::new(&plan, None, 1, now).expect("the instant is in the calendar");
//! let decision = call.evaluate(&Usage::default());
//!
//! assert_eq!(decision.verdict, Verdict::Allowed);
//! assert_eq!(
//!     rate_limit(&decision.limits).as_deref(),
//!     Some(r#""burst";r=4;t=1, "day";r=99;t=43200"#)
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bucket;
mod calendar;
mod caller;
mod charge_id;
mod decision;
mod demand;
mod grant;
mod grant_list;
mod instant;
mod lease;
mod mistake;
mod plan;
mod plan_bounds;
mod plan_check;
mod plan_document;
mod plan_error;
mod plan_name;
mod present;
mod quota;
mod quota_threshold;
mod rate_limit_fields;
mod route_limit;
mod sliding;
mod state;
mod time_zone;
mod usage_query;
mod usage_report;

pub use bucket::Bucket;
pub use calendar::{Calendar, CalendarId, Period, Window, WindowId, day_end, day_of};
pub use caller::{CALLER_PREFIXES, Caller};
pub use charge_id::{ChargeId, ChargeIdError, ChargedWindow, Refund};
pub use decision::{Decision, Limit, Limits, Verdict, Violated};
pub use demand::Demand;
pub use grant::{GRANT_ID_LIFETIME, Grant, GrantOrder, GrantRefusal};
pub use grant_list::{
    GrantId, GrantIdError, GrantList, ListedGrant, MAX_LISTED_GRANTS, Revocation,
};
pub use instant::{instant_text, optional_instant, parse_instant, present_instant};
pub use lease::{LeaseTerms, LocalRate};
pub use mistake::{Mistake, pointer};
pub use plan::Plan;
pub use plan_bounds::{MAX_LIMIT, MAX_QUOTAS};
pub use plan_document::{Algorithm, OnStoreFailure, PlanDocument, Throttle};
pub use plan_error::PlanError;
pub use plan_name::check_name;
pub use quota::{Overage, Quota, QuotaDocument};
pub use quota_threshold::{QuotaThreshold, Share};
pub use rate_limit_fields::{rate_limit, rate_limit_policy};
pub use route_limit::RouteLimit;
pub use sliding::{Position, SLOT_LIFETIME, SlidingWindow};
pub use state::{Charge, Count, GrantedCalls, Mark, Usage};
pub use time_zone::time_zone_release;
pub use usage_query::USAGE_PATH;
pub use usage_report::{DayUsage, Days, MAX_DAYS, QuotaUsage, UsageReport};

/// An instant in nanoseconds since 1970-01-01T00:00:00Z, or a duration in nanoseconds. It has 128
/// bits, because a large burst at a small rate takes longer to refill than 64 bits can express.
pub type Nanos = i128;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// Returns a duration in whole seconds, rounded up. It is never 0, because a client that is asked
/// to wait 0 s would retry at once.
fn whole_seconds(duration: Nanos) -> u64 {
    let seconds = match u64::try_from(duration) {
        // A 64-bit division is several times as fast, and nearly always sufficient.
        Ok(nanoseconds) => nanoseconds.div_ceil(1_000_000_000),
        Err(_) => u64::try_from((duration + SECOND - 1) / SECOND).unwrap_or(u64::MAX),
    };
    seconds.max(1)
}
