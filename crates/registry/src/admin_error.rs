//! Errors of the administration.

use jiff::Timestamp;

use crate::RegistryError;
use crate::blocks::{MAX_BLOCKS, MAX_BLOCKS_BYTES};

/// The reason why a valid request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The plan, policy or key does not exist.
    #[error("there is no entry with this name")]
    NotFound,
    /// The stored document does not meet the condition.
    #[error("what is there is not what the condition asks for")]
    Precondition,
    /// The plan of the key does not exist.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// The plan is in use and cannot be deleted.
    #[error("the plan is that of key `{key_id}`, and maybe of others")]
    PlanInUse {
        /// One of its keys.
        key_id: String,
    },
    /// The policy was changed after its candidate was written.
    #[error("the policy was changed after the candidate was written")]
    PolicyChanged,
    /// The secret is already in use.
    #[error("this secret is in use")]
    SecretInUse,
    /// The request names another secret than that of the key.
    #[error("the key has another secret")]
    OtherSecret,
    /// Another key has this id.
    #[error("another key has this id")]
    KeyIdInUse,
    /// A deleted key had this id.
    #[error("a deleted key had this id; it can be used again from {until} on")]
    KeyIdDeleted {
        /// The instant from which on the id can be used again.
        until: Timestamp,
    },
    /// The key has too many earlier secrets.
    #[error(
        "{0} earlier secrets of this key still work; rotate with a grace of 0 s to end them, or wait"
    )]
    TooManySecrets(usize),
    /// The document of blocks is full.
    #[error("there are at most {MAX_BLOCKS} blocks, with {MAX_BLOCKS_BYTES} bytes in total")]
    TooManyBlocks,
    /// Another request with the same id was first.
    #[error("another request with this id was first")]
    Repeated,
    /// Other requests changed the same item at every attempt.
    #[error("others change the same thing at the same time")]
    Busy,
}

/// The reason why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The request was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The response cannot be encrypted: a failure of Tollgate. Nothing was done.
    #[error("an answer cannot be sealed")]
    Unsealed,
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl AdminError {
    /// Returns true if the plan, policy or key does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(Refusal::NotFound))
    }
}
