//! Client assertions: short-lived JWTs with which the client authenticates (`private_key_jwt`).
//!
//! Source: RFC 7523, section 2.2 and 3; OpenID Connect Core, section 9.
//!
//! Keys are used through aws-lc-rs: jsonwebtoken reads RSA keys in PKCS#1 and EC keys in PKCS#8
//! only, and parses a key for every signature.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

/// The time for which an assertion is valid, in seconds. It is used at once, and twice at most.
const ASSERTION_LIFETIME_S: i64 = 60;
/// The random bytes of a `jti`.
const ID_BYTES: usize = 16;

/// The statement of an assertion: who authenticates to whom.
#[derive(Clone, Copy)]
pub(super) struct Assertion<'a> {
    pub(super) client_id: &'a str,
    pub(super) audience: &'a str,
    /// The `kid` in the header.
    pub(super) key_id: Option<&'a str>,
}

/// A private key that signs assertions.
pub(super) struct SigningKey(KeyPair);

enum KeyPair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The reason why a private key cannot be used. Contains nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SigningKeyError {
    #[error("is not an unencrypted private key in PEM, expected PKCS#8, PKCS#1 or SEC1")]
    Pem,
    #[error(
        "is not a supported private key, expected RSA with 2048 to 8192 bits, P-256, P-384 or Ed25519"
    )]
    Unsupported,
}

impl SigningKey {
    /// Reads a private key in PEM. Line breaks may be written as `\n`, because some tools cannot
    /// store others in an environment variable.
    pub(super) fn from_pem(pem: &str) -> Result<Self, SigningKeyError> {
        let pem = pem.replace("\\n", "\n");
        let key =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| SigningKeyError::Pem)?;

        let pair = match &key {
            PrivateKeyDer::Pkcs1(key) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(key) => ec(key.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
            _ => None,
        };
        pair.map(Self).ok_or(SigningKeyError::Unsupported)
    }

    /// Signs an assertion that is valid from `now`.
    pub(super) fn sign(
        &self,
        assertion: Assertion<'_>,
        now: Timestamp,
    ) -> Result<String, Unspecified> {
        let mut header = json!({"typ": "JWT", "alg": self.algorithm()});
        if let Some(id) = assertion.key_id {
            header["kid"] = id.into();
        }
        let mut id = [0; ID_BYTES];
        rand::fill(&mut id)?;
        let now = now.as_second();
        let claims = json!({
            "iss": assertion.client_id,
            "sub": assertion.client_id,
            "aud": assertion.audience,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now,
            "exp": now.saturating_add(ASSERTION_LIFETIME_S),
        });

        let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
        let message = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let signature = self.signature(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    const fn algorithm(&self) -> &'static str {
        match &self.0 {
            KeyPair::Rsa(_) => "RS256",
            KeyPair::P256(_) => "ES256",
            KeyPair::P384(_) => "ES384",
            KeyPair::Ed25519(_) => "EdDSA",
        }
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match &self.0 {
            KeyPair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            KeyPair::P256(pair) | KeyPair::P384(pair) => {
                Ok(pair.sign(&random, message)?.as_ref().to_vec())
            }
            KeyPair::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

fn pkcs8(der: &[u8]) -> Option<KeyPair> {
    rsa(RsaKeyPair::from_pkcs8(der))
        .or_else(|| ec(der))
        .or_else(|| Ed25519KeyPair::from_pkcs8(der).ok().map(KeyPair::Ed25519))
}

fn rsa<E>(pair: Result<RsaKeyPair, E>) -> Option<KeyPair> {
    pair.ok().map(|pair| KeyPair::Rsa(Box::new(pair)))
}

/// Reads an EC key in PKCS#8 or SEC1.
fn ec(der: &[u8]) -> Option<KeyPair> {
    let of_curve = |curve| EcdsaKeyPair::from_private_key_der(curve, der).ok();
    of_curve(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map(KeyPair::P256)
        .or_else(|| of_curve(&ECDSA_P384_SHA384_FIXED_SIGNING).map(KeyPair::P384))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

    fn pem(path: &str) -> String {
        std::fs::read_to_string(format!("{VECTORS}/{path}.pem")).unwrap()
    }

    #[test]
    fn keys_are_read_in_every_form() {
        for (path, algorithm) in [
            ("keys/RS256", "RS256"),
            ("keys/ES256", "ES256"),
            ("keys/ES384", "ES384"),
            ("keys/EdDSA", "EdDSA"),
            ("client-keys/rsa-pkcs1", "RS256"),
            ("client-keys/p256-sec1", "ES256"),
            ("client-keys/p384-sec1", "ES384"),
        ] {
            let on_one_line = pem(path).replace('\n', "\\n");
            for pem in [pem(path), pem(path).replace('\n', "\r\n"), on_one_line] {
                let key = SigningKey::from_pem(&pem).map(|key| key.algorithm());
                assert_eq!(key, Ok(algorithm), "{path}");
            }
        }
    }

    #[test]
    fn other_keys_are_refused_and_not_repeated() {
        let unsupported = [pem("client-keys/rsa-1024"), pem("client-keys/p521")];
        let cut = pem("keys/ES256").replace("-----END", "");
        let no_key = "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n";
        for (pem, expected) in [
            (unsupported[0].as_str(), SigningKeyError::Unsupported),
            (&unsupported[1], SigningKeyError::Unsupported),
            (no_key, SigningKeyError::Unsupported),
            (&pem("client-keys/encrypted"), SigningKeyError::Pem),
            (&pem("client-keys/public"), SigningKeyError::Pem),
            (&cut, SigningKeyError::Pem),
            ("hush", SigningKeyError::Pem),
            ("", SigningKeyError::Pem),
        ] {
            let error = SigningKey::from_pem(pem).map(|_| ()).unwrap_err();
            assert_eq!(error, expected, "{pem}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
