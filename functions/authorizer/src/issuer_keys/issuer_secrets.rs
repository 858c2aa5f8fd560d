//! Secrets that an issuer signs tokens with.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use outcome::Reason;
use policy::{Algorithm, IssuerSecret, SecretReference};

use crate::rejection::Rejection;
use crate::secrets::{Secret, SecretError, SecretReader};
use crate::token::jws::Jws;
use crate::token::refusal::TokenRefusal;

/// The secrets of an issuer: the current one, and possibly the next one.
#[derive(Debug)]
pub(crate) struct IssuerSecrets {
    secrets: Vec<(IssuerSecret, Arc<Secret>)>,
    reader: Arc<SecretReader>,
}

impl IssuerSecrets {
    /// Creates the secrets for these references. Nothing is read yet.
    pub(crate) fn new(secrets: Vec<IssuerSecret>, reader: &Arc<SecretReader>) -> Self {
        let with_value = |secret: IssuerSecret| {
            let value = Arc::new(Secret::new(secret.reference.clone()));
            (secret, value)
        };
        Self {
            secrets: secrets.into_iter().map(with_value).collect(),
            reader: Arc::clone(reader),
        }
    }

    /// True if these are the same references, in the same order.
    pub(crate) fn are_same(&self, other: &Self) -> bool {
        let secrets = self.secrets.iter().map(|(secret, _)| secret);
        secrets.eq(other.secrets.iter().map(|(secret, _)| secret))
    }

    /// Reads the secrets while their policy is loaded.
    ///
    /// # Errors
    /// [`SecretError`] if AWS refuses a reference, or a secret is invalid.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), SecretError> {
        for (secret, value) in &self.secrets {
            if let Some(text) = value.load(&self.reader, now).await? {
                secret.bytes(&text).map_err(|problem| SecretError {
                    reference: reference(secret),
                    problem: format!("the secret {problem}"),
                    is_transient: false,
                })?;
            }
        }
        Ok(())
    }

    /// Returns the secret that signed a token. A secret that was replaced a moment ago is read again
    /// once.
    ///
    /// # Errors
    /// 401 if none of the secrets did, 500 if that is not certain because one cannot be read.
    pub(crate) async fn verify(
        &self,
        jws: &Jws<'_>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<str>, Rejection> {
        let mut failure = None;

        for (secret, value) in &self.secrets {
            match value.value(&self.reader, now).await {
                Ok(text) if has_signed(secret, &text, jws, algorithm) => return Ok(text),
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        for (secret, value) in &self.secrets {
            if let Some(text) = value.reload(&self.reader, now).await
                && has_signed(secret, &text, jws, algorithm)
            {
                return Ok(text);
            }
        }

        Err(match failure {
            Some(error) => Rejection::fault(Reason::KeysUnavailable, error.to_string()),
            None => TokenRefusal::new(Reason::InvalidSignature, "signature").into(),
        })
    }

    /// True if `text` is one of the current secrets.
    pub(crate) async fn contain(&self, text: &str, now: Timestamp) -> bool {
        for (_, value) in &self.secrets {
            if let Ok(current) = value.value(&self.reader, now).await
                && *current == *text
            {
                return true;
            }
        }
        false
    }
}

/// True if the token was signed with this secret. A secret that has become invalid has signed
/// nothing.
pub(crate) fn has_signed(
    secret: &IssuerSecret,
    text: &str,
    jws: &Jws<'_>,
    algorithm: Algorithm,
) -> bool {
    let (Ok(bytes), Algorithm::Library(library)) = (secret.bytes(text), algorithm) else {
        return false;
    };
    let key = DecodingKey::from_secret(&bytes);
    algorithm.is_symmetric()
        && jsonwebtoken::crypto::verify(jws.signature, jws.signed.as_bytes(), &key, library)
            .unwrap_or(false)
}

fn reference(secret: &IssuerSecret) -> String {
    match &secret.reference {
        SecretReference::Stored(place) => place.to_string(),
        SecretReference::Known(_) => "a secret of the environment".to_owned(),
    }
}
