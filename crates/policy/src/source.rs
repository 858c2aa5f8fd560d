//! Where the policy is: in the settings, or in the registry under a name.

use std::fmt;
use std::sync::Arc;

use strict_json::{JsonError, TextPosition, locate_json, parse_json};

use crate::error::PolicyError;
use crate::key_header::KeyHeader;
use crate::policy::Policy;
use crate::policy_document::PolicyDocument;
use crate::warning::NamedPlan;

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
    /// The name.
    pub name: String,
    /// The header that the gateway removes before the backend.
    pub key_header: KeyHeader,
    /// Where its secrets and the settings of calls to AWS are looked up.
    pub environment: Environment,
}

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyTextError {
    /// Not JSON, or not of the shape of a policy.
    #[error(transparent)]
    Shape(#[from] JsonError),
    /// It contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Not the name of a policy.
    #[error("`{TABLE}` wants a name of 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`")]
    Name,
}

impl PolicyTextError {
    /// What is wrong, with the field but without the position.
    #[must_use]
    pub fn without_position(&self) -> String {
        match self {
            Self::Shape(error) => error.without_position(),
            other => other.to_string(),
        }
    }

    /// Where in the text of the policy it is.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<TextPosition> {
        match self {
            Self::Shape(error) => Some(error.position),
            Self::Policy(error) => locate_json(text, &error.pointer()),
            Self::Name => None,
        }
    }
}

impl PolicySource {
    /// Reads `AUTH_POLICY`: a policy, or `table:NAME`.
    ///
    /// # Errors
    /// [`PolicyTextError`] for an invalid policy or name.
    pub fn parse(
        text: &str,
        key_header: KeyHeader,
        environment: Environment,
    ) -> Result<Self, PolicyTextError> {
        match text.trim().strip_prefix(TABLE) {
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

impl Policy {
    /// Reads a policy as it is written. `key_header` is the header that the gateway removes before
    /// the backend; `environment` has what `env:NAME` stands for.
    ///
    /// # Errors
    /// [`PolicyTextError`], naming the member that is wrong.
    pub fn parse(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        Ok(Self::new(parse_json(text)?, key_header, environment)?)
    }

    /// Reads a policy that is about to be stored. Unlike [`Self::parse`], which leaves a private key
    /// out, this refuses it: a stored policy is shown to administrators and recorded.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_new(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        let document: PolicyDocument = parse_json(text)?;
        document.check_public_keys()?;
        Ok(Self::new(document, key_header, environment)?)
    }

    /// Reads a policy from the registry, where an earlier release may have put it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_stored(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        Ok(Self::from_stored(
            parse_json(text)?,
            key_header,
            environment,
        )?)
    }
}

/// Every plan that a policy names, with the field that names it. The policy is not checked, and may
/// be of an earlier release.
///
/// # Errors
/// [`PolicyTextError::Shape`].
pub fn named_plans(text: &str) -> Result<Vec<NamedPlan>, PolicyTextError> {
    Ok(parse_json::<PolicyDocument>(text)?.named_plans())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (String, Option<String>) {
        let error = Policy::parse(text, &KeyHeader::default(), &|_| None).unwrap_err();
        (
            error.without_position(),
            error.position(text).map(|position| position.to_string()),
        )
    }

    #[test]
    fn a_mistake_has_its_field_and_its_position() {
        let rules = |rule: &str| {
            format!(
                "{{\n \"rules\": [\n  {{\"match\": \"GET /\", \"auth\": \"any\"}},\n  {rule}]}}"
            )
        };
        for (text, problem, position) in [
            (
                rules(r#"{"match": "GET /a", "auth": "nobody"}"#),
                "rules[1].auth: unknown value `nobody`",
                "4:38",
            ),
            (
                rules(r#"{"match": "/a", "auth": "any"}"#),
                "rules[1].match: ",
                "4:13",
            ),
            (
                rules(r#"{"match": "GET /a", "auth": "jwt"}"#),
                "rules[1]: `auth: jwt` needs",
                "4:3",
            ),
            (
                rules(r#"{"match": "GET /a", "auth": "any", "issuers": ["a"]}"#),
                "rules[1].issuers[0]: ",
                "4:50",
            ),
            ("{\"rules\": []".to_owned(), "EOF while parsing", "1:12"),
            (
                "{\"rules\": [], \"introspection\": \"hush\"}".to_owned(),
                "introspection: invalid type: string, expected",
                "1:37",
            ),
        ] {
            let (told, at) = error(&text);
            assert!(told.starts_with(problem), "{told}");
            assert_eq!(at.as_deref(), Some(position), "{told}");
        }
    }
}
