//! The registry's own failures.

use std::sync::Arc;

use dynamodb::RequestError;
use limits::PlanError;

use crate::{KeyError, SeedsError};

/// A failure of the registry, or a document that it does not accept.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A document is not cached and cannot be read in time.
    #[error("the {kind} is not cached, and cannot be read: {problem}")]
    Unavailable {
        /// The kind of document.
        kind: &'static str,
        /// The reason, with the operation and the table.
        problem: String,
    },
    /// Another request failed to read the same document at the same time.
    #[error(transparent)]
    Shared(Arc<RegistryError>),
    /// An item is invalid or has an unknown schema version.
    #[error("invalid {kind} item: {reason}")]
    Item {
        /// The kind of document that the item should have.
        kind: &'static str,
        /// The cause.
        reason: String,
    },
    /// An invalid plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An invalid key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Invalid seeds.
    #[error(transparent)]
    Seeds(#[from] SeedsError),
    /// A request to DynamoDB failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RegistryError {
    pub(crate) fn request(operation: &'static str, reason: impl ToString) -> Self {
        Self::Request(RequestError::new(operation, reason))
    }

    /// Returns the failure of a document that could not be read before the deadline, because
    /// another request was reading it.
    pub(crate) fn waited(kind: &'static str) -> Self {
        Self::Unavailable {
            kind,
            problem: "the read of another request did not end in time".to_owned(),
        }
    }

    /// Returns the failure itself, if it is another request's that this one shares.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::Shared(error) => error.root(),
            other => other,
        }
    }
}
