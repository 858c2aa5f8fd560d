//! Why a group could not be reconciled.

use std::time::Instant;

use aws::{Deadline, Timeouts};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use telemetry::excerpt;

/// One sentence that names what failed and why. Nothing has been changed on its account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// No name of the group could be resolved; each has said why.
    #[error("no name of this group can be resolved, so nothing is changed")]
    Unresolved,
    /// A call to AWS failed.
    #[error("{operation}: {reason}")]
    Call {
        /// AWS's name for it.
        operation: &'static str,
        /// Why.
        reason: String,
    },
    /// The group takes no addresses.
    #[error(
        "the target group's type is `{0}`, and alb-sync needs one of type `ip`; a group's type cannot be changed"
    )]
    TargetType(String),
    /// The state cannot be understood.
    #[error(
        "the state under `{id}` cannot be understood ({reason}); nothing is changed until it is corrected or deleted"
    )]
    Corrupt {
        /// Its item.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Another run wrote the state while this one worked.
    #[error("another run changed the state meanwhile; the next run starts from what there is")]
    Overtaken,
    /// A target that the group already has too many of.
    #[error("the group is full: {0}")]
    Full(String),
    /// Our own fault.
    #[error("panicked")]
    Panicked,
}

impl SyncError {
    /// Of an SDK's error: code and message where the service said something, else the chain of
    /// causes.
    pub(crate) fn of<E>(operation: &'static str, error: &E) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            _ => causes(error),
        };
        Self::Call {
            operation,
            reason: excerpt(reason),
        }
    }
}

/// The chain of causes, each once, without the values that `Debug` would show.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The time-outs of a call by the run's deadline.
pub(crate) fn within(
    operation: &'static str,
    deadline: Deadline,
    attempts: u32,
) -> Result<TimeoutConfig, SyncError> {
    let left = deadline.remaining(Instant::now());
    let late = || SyncError::Call {
        operation,
        reason: "no time is left for it in this run".to_owned(),
    };
    Timeouts::within(left, attempts)
        .map(|timeouts| timeouts.sdk())
        .ok_or_else(late)
}
