//! Usage plans: who may call how often, and the decision on one call.
//!
//! A decision is pure: [`Demand`] says what a call takes from each limit of its plan,
//! [`Demand::evaluate`] compares that with what a caller has used so far, `now` being passed in. A
//! store only has to apply an allowed demand whole or not at all: [`EmbeddedStore`] inside one
//! process, [`DynamoDbStore`] by one conditional write.
//!
//! - reads: plans by name, keys by their SHA-256; with DynamoDB at most every 30 s
//! - writes: one caller's usage, all of its limits together
//! - on failure: a refusal is a value ([`Verdict`]); while the store gives no answer the plan's
//!   [`OnStoreFailure`] does, and the [`Decision`] says so; a document that makes no sense is a
//!   [`PlanError`],
//!   [`KeyError`] or [`SeedsError`]; a store that cannot keep its word is a [`StoreError`]

mod admin;
mod bucket;
mod calendar;
mod caller;
mod charge_id;
mod day_counts;
mod decision;
mod demand;
mod dynamodb;
mod embedded;
mod error;
mod figures;
mod grant;
mod instant;
mod key;
mod lease;
mod ledger;
mod made_grants;
mod mistake;
mod on_store_failure;
mod partition_keys;
mod plan;
mod plan_check;
mod plan_document;
mod present;
mod quota;
mod rate_limit_fields;
mod seeds;
mod sliding;
mod state;
mod store;
mod store_config;
mod time_zone;
mod usage_query;
mod usage_report;

pub use admin::{
    Admin, AdminError, Condition, DeletedKey, IMPORT_BATCH, ImportChange, ImportNote,
    ImportRefusal, ImportedKey, ImportedRow, KEPT_ANSWER_S, Keep, KeptAnswer, KeyPatch, KeyRecord,
    LONGEST_DESCRIPTION, LONGEST_METADATA, LONGEST_NAME, LONGEST_SCOPE, MOST_METADATA, MOST_SCOPES,
    Once, Page, Put, Refusal, Retiring, SECRET_BYTES, Stored, UpdatedKey, Version, WrittenKey,
};
pub use bucket::Bucket;
pub use calendar::{Calendar, CalendarId, Period, Window, WindowId};
pub use caller::Caller;
pub use charge_id::{ChargeId, ChargeIdError, Refund};
pub use decision::{Decision, Limit, Verdict};
pub use demand::Demand;
pub use dynamodb::{DynamoDbConfig, DynamoDbStore};
pub use embedded::EmbeddedStore;
pub use error::StoreError;
pub use grant::{Grant, GrantError};
pub use instant::{instant_text, optional_instant, parse_instant, present_instant};
pub use key::{ApiKey, KeyError, KeyHash, KeyStanding};
pub use lease::LeaseTerms;
pub use mistake::Mistake;
pub use partition_keys::{CHARGE_KEYS, CORRECTION_KEYS, DECISION_KEY_PATTERNS};
pub use plan::{Plan, PlanError, RouteLimit};
pub use plan_document::{Algorithm, OnStoreFailure, PlanDocument, Throttle};
pub use quota::{Quota, QuotaDocument};
pub use rate_limit_fields::{rate_limit, rate_limit_policy};
pub use seeds::{KeySeed, Seeds, SeedsError};
pub use sliding::SlidingWindow;
pub use state::Usage;
pub use store::Store;
pub use store_config::{OpenError, Opened, StoreConfig, StoreConfigError};
pub use time_zone::time_zone_release;
pub use usage_query::USAGE_PATH;
pub use usage_report::{QuotaUsage, UsageReport};

/// Nanoseconds since 1970-01-01T00:00:00Z, the unit of every instant and duration in a decision.
/// 128 bits, because the time a large burst takes at a small rate overflows 64.
pub type Nanos = i128;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// A duration in whole seconds, rounded up, never 0: a client told to wait 0 s would come back at
/// once.
fn whole_seconds(duration: Nanos) -> u64 {
    let seconds = match u64::try_from(duration) {
        // 64 bits divide several times as fast, and nearly always do.
        Ok(nanoseconds) => nanoseconds.div_ceil(1_000_000_000),
        Err(_) => u64::try_from((duration + SECOND - 1) / SECOND).unwrap_or(u64::MAX),
    };
    seconds.max(1)
}
