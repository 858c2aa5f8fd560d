//! Why a store could not keep its word.

use std::borrow::Cow;

use crate::{KeyError, PlanError, SeedsError};

/// A store's own failure; a refusal is a [`Verdict`](crate::Verdict) instead.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Forgetting a caller that still has usage would admit it anew.
    #[error("the store holds as many callers in memory as it may")]
    Full,
    /// No calendar reaches there.
    #[error("the clock stands outside the calendar")]
    Clock,
    /// A key or plan is not remembered, and cannot be read in time.
    #[error("the registry gives no answer, and the {0} is not remembered")]
    Unavailable(&'static str),
    /// What was asked cannot be answered in time, or it is not known whether it was done.
    #[error("the usage table gives no answer: {0}")]
    NoAnswer(Cow<'static, str>),
    /// Others changed the same item again and again. Nothing was done.
    #[error("others change the same thing at the same time")]
    Busy,
    /// The caller's mistake.
    #[error("a report is of 1 to 366 days")]
    Range,
    /// What another request asked for at the same time, and failed to get, for both.
    #[error(transparent)]
    Shared(std::sync::Arc<StoreError>),
    /// An item that makes no sense, or is of another release's form.
    #[error("an item that holds a {kind} cannot be understood: {reason}")]
    Item {
        /// What it should hold.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A plan that cannot be stored.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A key that cannot be stored.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Seeds that cannot be stored.
    #[error(transparent)]
    Seeds(#[from] SeedsError),
    /// A setting that is missing or cannot be used.
    #[error("{variable} {reason}")]
    Setting {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A call to the store that failed.
    #[error("{operation} failed")]
    Call {
        /// DynamoDB's name for it.
        operation: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// What went wrong, whoever asked for it.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::Shared(error) => error.root(),
            other => other,
        }
    }
}
