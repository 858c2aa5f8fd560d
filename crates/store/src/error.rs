//! The store's own failures.

use std::borrow::Cow;

use dynamodb::RequestError;
use limits::GrantRefusal;
use registry::RegistryError;

/// A failure of the store; a refused call is a [`Verdict`](limits::Verdict) instead.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No further caller fits into memory. Forgetting one that still has usage would reset its
    /// limits.
    #[error("the in-memory store has its maximum number of callers")]
    Full,
    /// The clock is outside the calendar.
    #[error("the clock is outside the calendar")]
    Clock,
    /// A call to the usage table failed, did not end in time, or has an unknown outcome.
    #[error("the usage table cannot be used: {0}")]
    NoAnswer(Cow<'static, str>),
    /// Other requests changed the same item at every attempt. Nothing was done.
    #[error("other requests are changing the same item")]
    Busy,
    /// A mistake of the caller: the requested days.
    #[error("a report has 1 to 366 days")]
    Range,
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A request to DynamoDB that is no part of a decision failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// A reason why a grant is not made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The plan does not allow it, or another grant has its id.
    #[error(transparent)]
    Refused(#[from] GrantRefusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
