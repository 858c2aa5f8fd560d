//! The client's key, as it is when an assertion is needed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use policy::ClientKey;

use super::client_assertion::{Assertion, SigningKey, SigningKeyError};

/// Signs the client's assertions, and parses the key only when it has changed.
pub(super) struct ClientSigner {
    key_id: Option<String>,
    audience: String,
    key: Mutex<Option<ParsedKey>>,
}

#[derive(Clone)]
struct ParsedKey {
    pem: Arc<str>,
    key: Arc<SigningKey>,
}

impl ClientSigner {
    /// Creates a signer for this key, whose value is not known yet.
    pub(super) fn new(key: &ClientKey) -> Self {
        Self {
            key_id: key.id.clone(),
            audience: key.audience.clone(),
            key: Mutex::default(),
        }
    }

    /// Returns an assertion of the client that is signed with the key in `pem`.
    ///
    /// # Errors
    /// The problem of the key, without the key.
    pub(super) fn assertion(
        &self,
        pem: &Arc<str>,
        client_id: &str,
        now: Timestamp,
    ) -> Result<String, String> {
        let key = self.key(pem).map_err(|error| error.to_string())?;
        let assertion = Assertion {
            client_id,
            audience: &self.audience,
            key_id: self.key_id.as_deref(),
        };
        key.sign(assertion, now)
            .map_err(|_| "cannot sign with this key".to_owned())
    }

    /// Returns the key in `pem`. If a key that was replaced cannot be used, that is logged once, and
    /// the previous key stays in use.
    pub(super) fn key(&self, pem: &Arc<str>) -> Result<Arc<SigningKey>, SigningKeyError> {
        let mut parsed = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.as_ref().filter(|known| known.pem == *pem) {
            return Ok(Arc::clone(&known.key));
        }

        let key = match (SigningKey::from_pem(pem), parsed.take()) {
            (Ok(key), _) => Arc::new(key),
            (Err(error), None) => return Err(error),
            (Err(error), Some(previous)) => {
                tracing::warn!("introspection.client_key {error}; the previous key stays in use");
                previous.key
            }
        };
        *parsed = Some(ParsedKey {
            pem: Arc::clone(pem),
            key: Arc::clone(&key),
        });
        Ok(key)
    }
}

/// Omits the key.
impl fmt::Debug for ClientSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSigner")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use policy::SecretReference;

    use super::*;

    fn signer() -> ClientSigner {
        ClientSigner::new(&ClientKey {
            reference: SecretReference::Known("unused".into()),
            id: None,
            audience: "https://auth.example.com".to_owned(),
        })
    }

    fn fresh_pem() -> Arc<str> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = STANDARD.encode(pair.to_pkcs8v1().unwrap());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n").into()
    }

    #[test]
    fn key_is_parsed_once_and_replaced_only_by_a_valid_one() {
        let signer = signer();
        let broken: Arc<str> = "broken".into();
        assert!(signer.key(&broken).is_err(), "there is no previous key");

        let pem = fresh_pem();
        let first = signer.key(&pem).unwrap();
        assert!(Arc::ptr_eq(&first, &signer.key(&pem).unwrap()));
        assert!(Arc::ptr_eq(&first, &signer.key(&broken).unwrap()));

        let second = signer.key(&fresh_pem()).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn debug_output_has_nothing_of_the_key() {
        let (signer, pem) = (signer(), fresh_pem());
        signer.key(&pem).unwrap();
        let shown = format!("{signer:?}");
        assert_eq!(
            shown,
            r#"ClientSigner { audience: "https://auth.example.com", .. }"#
        );
    }
}
