//! Errors of loading a policy.

use policy::PolicyTextError;
use registry::RegistryError;

/// The reason why a policy could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// The registry has no policy with this name.
    #[error("AUTH_POLICY: the registry has no policy `{0}`")]
    Missing(String),
    /// The policy is invalid.
    #[error("AUTH_POLICY: the registry's policy `{name}`: {error}")]
    Text {
        /// The name of the policy.
        name: String,
        /// The problem, with its position.
        error: PolicyTextError,
    },
    /// A secret that the policy refers to cannot be read or used. The text names the field.
    #[error("AUTH_POLICY: {0}")]
    Secret(String),
    /// The registry cannot be read.
    #[error("AUTH_POLICY: {0}")]
    Registry(#[from] RegistryError),
}
