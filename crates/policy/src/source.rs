//! The place of the policy: the settings or the registry.

use std::fmt;
use std::sync::Arc;

use crate::key_header::KeyHeader;
use crate::policy::Policy;
use crate::policy_text::{MAX_NAME_BYTES, PolicyTextError, TABLE_PREFIX};

/// Returns the value of an environment variable, for `env:NAME` in a policy.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The place of the policy.
pub enum PolicySource {
    /// The setting contains the policy.
    Inline {
        /// The policy.
        policy: Box<Policy>,
        /// Looks up secrets, and settings of calls to AWS.
        environment: Environment,
    },
    /// The policy is in the registry and reloaded from there.
    Table(PolicyName),
}

/// The name of a policy in the registry, with everything that its checks need.
pub struct PolicyName {
    /// The name.
    pub name: String,
    /// The header that the gateway removes before the backend.
    pub key_header: KeyHeader,
    /// Looks up secrets, and settings of calls to AWS.
    pub environment: Environment,
}

impl PolicySource {
    /// Reads `AUTH_POLICY`: a policy, or `table:NAME`.
    ///
    /// # Errors
    /// [`PolicyTextError`] for an invalid policy or name.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use policy::{KeyHeader, PolicySource};
    ///
    /// let environment = Arc::new(|_: &str| None);
    /// let source = PolicySource::parse("table:edge", KeyHeader::default(), environment)?;
    /// assert!(matches!(source, PolicySource::Table(policy) if policy.name == "edge"));
    /// # Ok::<(), policy::PolicyTextError>(())
    /// ```
    pub fn parse(
        text: &str,
        key_header: KeyHeader,
        environment: Environment,
    ) -> Result<Self, PolicyTextError> {
        match text.trim().strip_prefix(TABLE_PREFIX) {
            Some(name) if is_name(name) => Ok(Self::Table(PolicyName {
                name: name.to_owned(),
                key_header,
                environment,
            })),
            Some(_) => Err(PolicyTextError::Name),
            None => Ok(Self::Inline {
                policy: Box::new(Policy::parse(text, &key_header, &*environment)?),
                environment,
            }),
        }
    }
}

/// Returns the name of the policy in the registry that a value of `AUTH_POLICY` refers to.
///
/// ```
/// assert_eq!(policy::stored_policy_name("table:edge"), Some("edge"));
/// assert_eq!(policy::stored_policy_name(r#"{"rules": []}"#), None);
/// ```
#[must_use]
pub fn stored_policy_name(setting: &str) -> Option<&str> {
    let name = setting.trim().strip_prefix(TABLE_PREFIX)?;
    is_name(name).then_some(name)
}

fn is_name(name: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_name_byte)
}

impl fmt::Debug for PolicySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline { policy, .. } => policy.fmt(formatter),
            Self::Table(PolicyName { name, .. }) => write!(formatter, "{TABLE_PREFIX}{name}"),
        }
    }
}
