//! Why an administrator's request was not done.

use crate::RegistryError;

/// What speaks against a request that is in order by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such plan, policy or key.
    #[error("there is no entry with this name")]
    NotFound,
    /// The condition does not hold for what is there.
    #[error("what is there is not what the condition asks for")]
    Precondition,
    /// A key is to be put on a plan that does not exist.
    #[error("there is no plan `{0}`")]
    UnknownPlan(String),
    /// The plan cannot go, because this key is on it.
    #[error("the plan is that of key `{key_id}`, and maybe of others")]
    PlanInUse {
        /// One of its keys.
        key_id: String,
    },
    /// The secret is some key's already.
    #[error("this secret is in use")]
    SecretInUse,
    /// More earlier secrets than a key may have.
    #[error(
        "{0} earlier secrets of this key still work; rotate with a grace of 0 s to end them, or wait"
    )]
    TooManySecrets(usize),
    /// Another request with the same id was first.
    #[error("another request with this id was first")]
    Repeated,
    /// Others changed the same thing again and again.
    #[error("others change the same thing at the same time")]
    Busy,
}

/// Why an administrator's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer that is to be kept cannot be sealed: our own failure, and nothing was done.
    #[error("an answer cannot be sealed")]
    Unsealed,
    /// Our own failure.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
