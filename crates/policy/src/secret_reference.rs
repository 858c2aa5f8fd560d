//! References to secrets: `env:NAME`, `ssm:/NAME`, `secretsmanager:ARN`, or the secret itself.
//!
//! Errors name the reference and never the secret.

use std::fmt;
use std::sync::Arc;

/// The longest name of a parameter (AWS Systems Manager, "PutParameter").
const MAX_PARAMETER_BYTES: usize = 1_011;
/// The longest ARN (AWS Secrets Manager, "GetSecretValue").
const MAX_ARN_BYTES: usize = 2_048;

/// A value for variables that only the authorizer has, for a check of a policy elsewhere. It is long
/// enough for every algorithm, and valid base64url.
pub const UNREAD_SECRET: &str =
    "only-the-authorizer-reads-this-secret-which-is-a-placeholder-for-a-check-elsewhere------";

/// A secret that a policy refers to.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// The secret, written in the policy or read from the environment.
    Known(Arc<str>),
    /// A secret in AWS.
    Stored(SecretPlace),
}

/// The place of a secret in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// A parameter of Systems Manager, by its name.
    Parameter(String),
    /// A secret of Secrets Manager, by its ARN.
    Secret {
        /// The ARN.
        arn: String,
        /// The region in the ARN.
        region: String,
    },
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(formatter, "ssm:{name}"),
            Self::Secret { arn, .. } => write!(formatter, "secretsmanager:{arn}"),
        }
    }
}

/// The reason why a reference to a secret is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretReferenceError {
    #[error("is empty")]
    Empty,
    #[error(
        "is not a reference to a secret, expected `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`"
    )]
    Literal,
    #[error("the variable {0} is not set")]
    Unset(String),
    #[error("the variable {0} is empty")]
    EmptyVariable(String),
    #[error("{0} is a variable of Lambda's own")]
    Reserved(String),
    #[error(
        "`ssm:` needs the name of a parameter that begins with `/`, as in `ssm:/tollgate/secret`"
    )]
    Parameter,
    #[error("`secretsmanager:` needs the ARN of a secret")]
    Arn,
}

/// True for variables of Lambda, such as the function's credentials. The author of a policy chooses
/// where a secret is sent, so a policy must not refer to them.
fn is_reserved(name: &str) -> bool {
    ["AWS_", "LAMBDA_", "_"]
        .iter()
        .any(|prefix| name.to_ascii_uppercase().starts_with(prefix))
}

impl SecretReference {
    /// Reads a reference. `lookup` reads environment variables.
    ///
    /// # Errors
    /// [`SecretReferenceError`] for an invalid reference, or an environment variable that is not
    /// set.
    pub(crate) fn parse(
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SecretReferenceError> {
        match Self::parse_reference(text, lookup) {
            Err(SecretReferenceError::Literal) => Ok(Self::Known(text.into())),
            result => result,
        }
    }

    /// Reads a reference like [`Self::parse`], but refuses a secret that is written in the policy.
    ///
    /// # Errors
    /// [`SecretReferenceError::Literal`] for such a secret, otherwise as [`Self::parse`].
    pub(crate) fn parse_reference(
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SecretReferenceError> {
        if let Some(name) = text.strip_prefix("env:") {
            return variable(name, lookup).map(|value| Self::Known(value.into()));
        }
        if let Some(name) = text.strip_prefix("ssm:") {
            return parameter(name).map(Self::Stored);
        }
        if let Some(arn) = text.strip_prefix("secretsmanager:") {
            return secret(arn).map(Self::Stored);
        }

        Err(if text.is_empty() {
            SecretReferenceError::Empty
        } else {
            SecretReferenceError::Literal
        })
    }
}

fn variable(
    name: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, SecretReferenceError> {
    if is_reserved(name) {
        return Err(SecretReferenceError::Reserved(name.to_owned()));
    }
    match lookup(name) {
        None => Err(SecretReferenceError::Unset(name.to_owned())),
        Some(value) if value.is_empty() => {
            Err(SecretReferenceError::EmptyVariable(name.to_owned()))
        }
        Some(value) => Ok(value),
    }
}

fn parameter(name: &str) -> Result<SecretPlace, SecretReferenceError> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte);
    let is_valid = name.starts_with('/')
        && (2..=MAX_PARAMETER_BYTES).contains(&name.len())
        && name.bytes().all(is_name_byte);

    if is_valid {
        Ok(SecretPlace::Parameter(name.to_owned()))
    } else {
        Err(SecretReferenceError::Parameter)
    }
}

/// Reads `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`.
fn secret(arn: &str) -> Result<SecretPlace, SecretReferenceError> {
    let is_arn_byte = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=.@!-".contains(&byte);
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [
        "arn",
        partition,
        "secretsmanager",
        region,
        account,
        "secret",
        name,
    ] = parts[..]
    else {
        return Err(SecretReferenceError::Arn);
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_valid = arn.len() <= MAX_ARN_BYTES
        && arn.bytes().all(is_arn_byte)
        && partition.starts_with("aws")
        && (1..=32).contains(&region.len())
        && region.bytes().all(is_region)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.contains(':');

    if is_valid {
        Ok(SecretPlace::Secret {
            arn: arn.to_owned(),
            region: region.to_owned(),
        })
    } else {
        Err(SecretReferenceError::Arn)
    }
}

/// Omits the secret.
impl fmt::Debug for SecretReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(_) => formatter.write_str("Secret"),
            Self::Stored(place) => write!(formatter, "Secret({place})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tollgate/idp-Ab3dEf";

    fn parse(text: &str) -> Result<SecretReference, SecretReferenceError> {
        SecretReference::parse(text, &|name| (name == "EMPTY").then(String::new))
    }

    #[test]
    fn debug_output_has_the_reference_but_not_the_secret() {
        for (text, shown) in [
            ("hush", "Secret"),
            ("ssm:/tollgate/idp", "Secret(ssm:/tollgate/idp)"),
            (
                &format!("secretsmanager:{ARN}"),
                &format!("Secret(secretsmanager:{ARN})"),
            ),
        ] {
            assert_eq!(format!("{:?}", parse(text).unwrap()), shown);
        }
        let SecretPlace::Secret { region, .. } = secret(ARN).unwrap() else {
            unreachable!()
        };
        assert_eq!(region, "eu-central-1");
    }

    #[test]
    fn error_explains_an_invalid_reference() {
        for (text, expected) in [
            ("", "is empty"),
            ("env:MISSING", "the variable MISSING is not set"),
            ("env:EMPTY", "the variable EMPTY is empty"),
            (
                "env:AWS_SESSION_TOKEN",
                "AWS_SESSION_TOKEN is a variable of Lambda's own",
            ),
            (
                "env:aws_session_token",
                "aws_session_token is a variable of Lambda's own",
            ),
            (
                "env:_X_AMZN_TRACE_ID",
                "_X_AMZN_TRACE_ID is a variable of Lambda's own",
            ),
            ("ssm:name", "`ssm:` needs"),
            ("ssm:/", "`ssm:` needs"),
            ("ssm:/a b", "`ssm:` needs"),
            ("secretsmanager:name", "`secretsmanager:` needs"),
            (
                "secretsmanager:arn:aws:ssm:eu-central-1:123456789012:parameter/x",
                "`secretsmanager:` needs",
            ),
            (
                "secretsmanager:arn:aws:secretsmanager:evil.example/:123456789012:secret:x",
                "`secretsmanager:` needs",
            ),
            (
                "secretsmanager:arn:aws:secretsmanager:eu-central-1:1234:secret:x",
                "`secretsmanager:` needs",
            ),
            (
                "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:x:key::",
                "`secretsmanager:` needs",
            ),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
