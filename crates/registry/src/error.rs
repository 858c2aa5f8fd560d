//! The registry's own failures.

use std::sync::Arc;

use dynamodb::RequestError;
use limits::PlanError;

use crate::{KeyError, SeedsError};

/// A failure of the registry, or a document that it does not accept.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A document of this kind is not cached and cannot be read in time.
    #[error("the registry does not respond, and the {0} is not cached")]
    Unavailable(&'static str),
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
    pub(crate) fn request(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Request(RequestError::new(operation, source))
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
