//! Secrets that an issuer and Tollgate share, for HMAC signatures.

use std::fmt;

use serde::Deserialize;

use crate::base64url::decode_base64url;
use crate::error::FieldProblem;
use crate::secret_reference::SecretReference;

/// The most secrets of an issuer: the current one and the next one.
const MAX_SECRETS: usize = 2;
/// The beginnings of references, as opposed to secrets written in the policy.
pub(crate) const REFERENCE_PREFIXES: [&str; 3] = ["env:", "ssm:", "secretsmanager:"];

/// The secrets of an issuer.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = IssuerSecrets))]
#[serde(
    untagged,
    expecting = "invalid secret, expected `env:NAME`, `ssm:/NAME`, `secretsmanager:ARN`, {\"base64url\": REFERENCE}, or a list of two of these"
)]
pub(crate) enum IssuerSecretsDocument {
    /// One secret.
    One(IssuerSecretDocument),
    /// Two secrets while one replaces the other.
    Several(Vec<IssuerSecretDocument>),
}

/// A reference to a secret, and the encoding of its bytes.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = IssuerSecret))]
#[serde(untagged)]
pub(crate) enum IssuerSecretDocument {
    /// A reference to a text, whose UTF-8 bytes are the secret.
    Text(String),
    /// A reference to the secret in base64url.
    Base64Url(Base64UrlSecret),
}

/// A reference to a secret in base64url.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Base64UrlSecret {
    /// The reference.
    base64url: String,
}

/// Omits the references, because an invalid one may be a secret.
impl fmt::Debug for IssuerSecretsDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuerSecretsDocument")
    }
}

/// A secret that an issuer signs tokens with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSecret {
    /// The reference to the text of the secret.
    pub reference: SecretReference,
    /// True if the text is the secret in base64url. Otherwise its UTF-8 bytes are the secret.
    pub is_base64url: bool,
    /// The number of bytes that the secret must have at least.
    pub min_bytes: usize,
}

impl IssuerSecretsDocument {
    /// Checks the references. Each secret must have `min_bytes` at least; one in AWS is checked when
    /// it is read.
    ///
    /// # Errors
    /// The field and the problem.
    pub(crate) fn check(
        self,
        min_bytes: usize,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<IssuerSecret>, FieldProblem> {
        let documents = match self {
            Self::One(document) => vec![document],
            Self::Several(documents) => documents,
        };
        if documents.is_empty() || documents.len() > MAX_SECRETS {
            let count = documents.len();
            return Err(refuse(format!(
                "has {count} items, expected one or two secrets"
            )));
        }

        documents
            .into_iter()
            .map(|document| document.check(min_bytes, lookup))
            .collect()
    }
}

impl IssuerSecretDocument {
    fn check(
        self,
        min_bytes: usize,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<IssuerSecret, FieldProblem> {
        let (text, is_base64url) = match self {
            Self::Text(text) => (text, false),
            Self::Base64Url(secret) => (secret.base64url, true),
        };
        let is_reference = REFERENCE_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if !is_reference {
            let problem =
                "is not a reference, expected `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`";
            return Err(refuse(problem.to_owned()));
        }

        let reference =
            SecretReference::parse(&text, lookup).map_err(|error| refuse(error.to_string()))?;
        let secret = IssuerSecret {
            reference,
            is_base64url,
            min_bytes,
        };
        if let SecretReference::Known(value) = &secret.reference {
            secret
                .bytes(value)
                .map_err(|problem| refuse(format!("`{text}` {problem}")))?;
        }
        Ok(secret)
    }
}

impl IssuerSecret {
    /// Returns the bytes of a secret with this text.
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the reference. It does not contain the
    /// secret.
    pub fn bytes(&self, text: &str) -> Result<Vec<u8>, String> {
        let bytes = if self.is_base64url {
            decode_base64url(text.trim_end_matches('=')).ok_or("is not base64url")?
        } else {
            text.as_bytes().to_vec()
        };

        if bytes.len() < self.min_bytes {
            let (length, min) = (bytes.len(), self.min_bytes);
            return Err(format!(
                "has {length} bytes, expected at least {min} for these `algorithms`"
            ));
        }
        Ok(bytes)
    }
}

fn refuse(problem: String) -> FieldProblem {
    ("secret", problem)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const GOOD: &str = "0123456789abcdef0123456789abcdef";

    fn checked(json: Value) -> Result<Vec<IssuerSecret>, String> {
        let document: IssuerSecretsDocument =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        let lookup = |name: &str| match name {
            "GOOD" => Some(GOOD.to_owned()),
            "ENCODED" => Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned()),
            "SHORT" => Some("hush".to_owned()),
            _ => None,
        };
        document
            .check(32, &lookup)
            .map_err(|(field, problem)| format!("{field}: {problem}"))
    }

    #[test]
    fn one_or_two_references_are_accepted() {
        for (json, count) in [
            (json!("env:GOOD"), 1),
            (json!({"base64url": "env:ENCODED"}), 1),
            (json!("ssm:/issuer/secret"), 1),
            (json!(["env:GOOD", {"base64url": "ssm:/issuer/next"}]), 2),
        ] {
            assert_eq!(checked(json.clone()).unwrap().len(), count, "{json}");
        }
        let encoded = checked(json!({"base64url": "env:ENCODED"})).unwrap();
        let SecretReference::Known(text) = &encoded[0].reference else {
            panic!("{encoded:?}")
        };
        assert_eq!(encoded[0].bytes(text).unwrap()[..4], [0, 1, 2, 3]);
    }

    #[test]
    fn errors_never_contain_the_secret() {
        for (json, expected) in [
            (json!(GOOD), "secret: is not a reference"),
            (json!({"base64url": GOOD}), "secret: is not a reference"),
            (
                json!("env:SHORT"),
                "secret: `env:SHORT` has 4 bytes, expected at least 32",
            ),
            (
                json!({"base64url": "env:GOOD"}),
                "secret: `env:GOOD` has 24 bytes",
            ),
            (
                json!({"base64url": "env:SHORT"}),
                "secret: `env:SHORT` has 3 bytes",
            ),
            (
                json!("env:MISSING"),
                "secret: the variable MISSING is not set",
            ),
            (json!([]), "secret: has 0 items"),
            (
                json!(["env:GOOD", "env:GOOD", "env:GOOD"]),
                "secret: has 3 items",
            ),
            (json!(7), "invalid secret, expected `env:NAME`"),
            (
                json!({"base64": GOOD}),
                "invalid secret, expected `env:NAME`",
            ),
        ] {
            let error = checked(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains(GOOD) && !error.contains("hush"), "{error}");
        }
    }
}
