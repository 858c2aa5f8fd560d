//! The reasons why a group could not be reconciled.

use std::time::Instant;

use aws::{Deadline, Timeouts};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::timeout::TimeoutConfig;

/// The reason why a group could not be reconciled. The message names what failed and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyncError {
    /// None of the group's names could be resolved. Each has reported its own reason.
    #[error("no name of this group can be resolved, so the group is left unchanged")]
    Unresolved,
    /// A call to AWS failed.
    #[error("{operation}: {reason}")]
    Call {
        operation: &'static str,
        reason: String,
    },
    /// The group's targets are not IP addresses.
    #[error(
        "unsupported target type `{0}`, expected `ip`; the type of a target group cannot be changed"
    )]
    TargetType(String),
    /// The stored state is invalid.
    #[error(
        "the state of item `{id}` is invalid ({reason}); the group is left unchanged until the item is corrected or deleted"
    )]
    InvalidState { id: String, reason: String },
    /// An overlapping run updated the state.
    #[error("an overlapping run changed the state; the next run continues from there")]
    Conflict,
    /// The group has no room for more targets.
    #[error("the target group is full: {0}")]
    GroupFull(String),
    /// The task of this group panicked.
    #[error("panicked")]
    Panicked,
}

impl SyncError {
    /// Reports a failed SDK call, see [`aws::explanation`].
    pub(crate) fn from_sdk<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Self::Call {
            operation,
            reason: aws::explanation(error),
        }
    }

    /// Reports a failed SDK call with the name of its table.
    pub(crate) fn of_table<E>(operation: &'static str, table: &str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Self::Call {
            operation,
            reason: format!("{} (table {table})", aws::explanation(error)),
        }
    }
}

/// Returns the timeouts of a call that may be attempted `attempts` times before the deadline.
///
/// # Errors
/// [`SyncError::Call`] if the deadline leaves no time for the call.
pub(crate) fn call_timeouts(
    operation: &'static str,
    deadline: Deadline,
    attempts: u32,
) -> Result<TimeoutConfig, SyncError> {
    let remaining = deadline.remaining(Instant::now());
    let timeouts = Timeouts::within(remaining, attempts).ok_or_else(|| SyncError::Call {
        operation,
        reason: "no time is left in this run".to_owned(),
    })?;

    Ok(timeouts.sdk())
}
