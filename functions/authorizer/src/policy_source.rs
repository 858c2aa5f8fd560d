//! Where the policy is: in the settings, or in the registry under a name.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::policy::PolicyDocument;
use crate::{KeyHeader, NamedPlan, Policy, PolicyError};

/// What stands before the name of a policy in the registry.
const TABLE: &str = "table:";
const LONGEST_NAME: usize = 128;

/// What `env:NAME` in a policy stands for.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where the policy is.
pub enum PolicySource {
    /// Here.
    Inline {
        /// The policy.
        policy: Box<Policy>,
        /// Where its secrets and the settings of calls to AWS are looked up.
        environment: Environment,
    },
    /// In the registry, from where it is read again now and then.
    Table(PolicyName),
}

/// The name of a policy in the registry, and what it is checked with.
pub struct PolicyName {
    pub(crate) name: String,
    pub(crate) key_header: KeyHeader,
    pub(crate) environment: Environment,
}

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyTextError {
    /// Not JSON, or not of its shape: the member and what is wrong with it.
    #[error("{0}")]
    Shape(String),
    /// It contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Not the name of a policy.
    #[error("`{TABLE}` wants a name of 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`")]
    Name,
}

impl PolicySource {
    /// Reads `AUTH_POLICY`: a policy, or `table:NAME`.
    pub(crate) fn parse(text: &str, key_header: KeyHeader, environment: Environment) -> Result<Self, PolicyTextError> {
        match text.trim().strip_prefix(TABLE) {
            Some(name) if is_name(name) => {
                Ok(Self::Table(PolicyName { name: name.to_owned(), key_header, environment }))
            }
            Some(_) => Err(PolicyTextError::Name),
            None => {
                Ok(Self::Inline { policy: Box::new(Policy::parse(text, &key_header, &*environment)?), environment })
            }
        }
    }
}

impl Policy {
    /// Reads a policy as it is written. `key_header` is the header that the gateway removes before the backend;
    /// `environment` has what `env:NAME` stands for.
    ///
    /// # Errors
    /// [`PolicyTextError`], naming the member that is wrong.
    pub fn parse(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        Ok(Self::new(json(text)?, key_header, environment)?)
    }

    /// Reads a policy from the registry, where an earlier release may have put it.
    pub(crate) fn parse_stored(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        Ok(Self::from_stored(json(text)?, key_header, environment)?)
    }
}

/// Every plan that a policy names, with the field that names it. The policy is not checked, and may be of an earlier
/// release.
///
/// # Errors
/// [`PolicyTextError::Shape`].
pub fn named_plans(text: &str) -> Result<Vec<NamedPlan>, PolicyTextError> {
    json(text).map(|document: PolicyDocument| document.named_plans())
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, PolicyTextError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let value = parsed.map_err(|error| PolicyTextError::Shape(error.to_string()))?;
    deserializer.end().map_err(|error| PolicyTextError::Shape(error.to_string()))?;
    Ok(value)
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}

impl fmt::Debug for PolicySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline { policy, .. } => policy.fmt(formatter),
            Self::Table(PolicyName { name, .. }) => write!(formatter, "{TABLE}{name}"),
        }
    }
}
