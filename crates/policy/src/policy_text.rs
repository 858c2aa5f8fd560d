//! Policies as text, and their errors with positions.

use strict_json::{JsonError, TextPosition, locate_json, parse_json};

use crate::error::PolicyError;
use crate::key_header::KeyHeader;
use crate::policy::Policy;
use crate::policy_document::PolicyDocument;
use crate::warning::NamedPlan;

/// The prefix of the name of a policy in the registry.
pub(crate) const TABLE_PREFIX: &str = "table:";
/// The longest name of a policy.
pub(crate) const MAX_NAME_BYTES: usize = 128;

/// The reason why a text is not a valid policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyTextError {
    /// The text is not JSON, or not of the schema of a policy.
    #[error(transparent)]
    Shape(#[from] JsonError),
    /// A field is invalid, or contradicts another one.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The name of a policy is invalid.
    #[error(
        "`{TABLE_PREFIX}` needs a name of 1 to {MAX_NAME_BYTES} letters, digits, `-`, `_` and `.`"
    )]
    Name,
}

impl PolicyTextError {
    /// Returns the problem, with the field but without the position.
    #[must_use]
    pub fn without_position(&self) -> String {
        match self {
            Self::Shape(error) => error.without_position(),
            other => other.to_string(),
        }
    }

    /// Returns the position of the problem in the text of the policy.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<TextPosition> {
        match self {
            Self::Shape(error) => Some(error.position),
            Self::Policy(error) => nearest_position(text, &error.pointer()),
            Self::Name => None,
        }
    }
}

impl Policy {
    /// Reads a policy. `key_header` is the header that the gateway removes before the backend, and
    /// `environment` returns environment variables, for `env:NAME`.
    ///
    /// # Errors
    /// [`PolicyTextError`], which names the invalid field.
    pub fn parse(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        Ok(Self::new(parse_json(text)?, key_header, environment)?)
    }

    /// Reads a policy that is about to be stored. [`Self::parse`] ignores private keys, but this
    /// refuses them: a stored policy is shown to administrators and recorded.
    ///
    /// # Errors
    /// [`PolicyTextError`], which names the invalid field.
    pub fn parse_new(
        text: &str,
        key_header: &KeyHeader,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyTextError> {
        let document: PolicyDocument = parse_json(text)?;
        document.check_public_keys()?;
        Ok(Self::new(document, key_header, environment)?)
    }

    /// Reads a policy from the registry, which an earlier release may have stored.
    ///
    /// # Errors
    /// [`PolicyTextError`], which names the invalid field.
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

/// Returns the position of the field at a JSON Pointer, or of the nearest object around a missing
/// field.
fn nearest_position(text: &str, pointer: &str) -> Option<TextPosition> {
    locate_json(text, pointer).or_else(|| {
        let (parent, _) = pointer.rsplit_once('/')?;
        nearest_position(text, parent)
    })
}

/// Returns every plan that a policy names, with the field that names it. The policy is not checked,
/// and may be of an earlier release.
///
/// # Errors
/// [`PolicyTextError::Shape`] if the text does not have the schema of a policy.
pub fn named_plans(text: &str) -> Result<Vec<NamedPlan>, PolicyTextError> {
    Ok(parse_json::<PolicyDocument>(text)?.named_plans())
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
    fn error_has_the_field_and_its_position() {
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
            (
                "{\"issuers\": [\n {\"issuer\": \"https://a\", \"audiences\": [\"b\"]}], \"rules\": []}".to_owned(),
                "issuers[0].default_plan: is missing",
                "2:2",
            ),
            ("{\"rules\": []".to_owned(), "EOF while parsing", "1:12"),
            (
                "{\"rules\": [], \"introspection\": \"hush\"}".to_owned(),
                "introspection: invalid type: string, expected",
                "1:37",
            ),
        ] {
            let (message, at) = error(&text);
            assert!(message.starts_with(problem), "{message}");
            assert_eq!(at.as_deref(), Some(position), "{message}");
        }
    }
}
