//! Encryption of stored responses: AES-256-GCM, with a key that HKDF-SHA-256 derives from the
//! `Idempotency-Key`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::problem::Problem;

const NONCE_BYTES: usize = 12;
const DERIVED_BYTES: usize = 32;
/// The beginning of an encrypted response. For an earlier release it is a field of the response.
const EXPIRY_PREFIX: &[u8] = b"{\"exp\":";

/// Encrypts and decrypts the response to one request.
pub(super) struct Sealer {
    prk: Prk,
}

impl Sealer {
    pub(super) fn new(idempotency_key: &[u8]) -> Self {
        let salt = Salt::new(HKDF_SHA256, b"tollgate idempotency");
        Self {
            prk: salt.extract(idempotency_key),
        }
    }

    /// Derives the id of the stored item.
    ///
    /// # Errors
    /// 500 if the library fails.
    pub(super) fn item_id(&self) -> Result<String, Problem> {
        Ok(URL_SAFE_NO_PAD.encode(self.derive(b"name")?))
    }

    /// Encrypts a response, a JSON object, with its expiry in Unix seconds. `None` if that fails.
    pub(super) fn seal(
        &self,
        response: &[u8],
        request_hash: &str,
        expires_at_s: i64,
    ) -> Option<String> {
        let mut text = [
            EXPIRY_PREFIX,
            expires_at_s.to_string().as_bytes(),
            b",",
            response.strip_prefix(b"{")?,
        ]
        .concat();

        let aad = Aad::from(request_hash.as_bytes());
        let key = self.encryption_key().ok()?;
        let nonce = key.seal_in_place_append_tag(aad, &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &text].concat()))
    }

    /// Decrypts a response. `None` if it belongs to another header or another request.
    pub(super) fn open(&self, sealed: &str, request_hash: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();

        let aad = Aad::from(request_hash.as_bytes());
        let key = self.encryption_key().ok()?;
        let opened = key.open_in_place(nonce, aad, &mut text).ok()?;
        Some(opened.to_vec())
    }

    fn encryption_key(&self) -> Result<RandomizedNonceKey, Problem> {
        let key = self.derive(b"answer")?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| fault())
    }

    fn derive(&self, purpose: &[u8]) -> Result<[u8; DERIVED_BYTES], Problem> {
        let mut derived = [0; DERIVED_BYTES];
        let info = [purpose];

        let okm = self.prk.expand(&info, HKDF_SHA256).map_err(|_| fault())?;
        okm.fill(&mut derived).map_err(|_| fault())?;
        Ok(derived)
    }
}

/// Removes the expiry from a decrypted response. `None` if the response is expired. A response that
/// an earlier release stored has no expiry.
pub(super) fn unexpired(opened: Vec<u8>, now: Timestamp) -> Option<Vec<u8>> {
    let Some(rest) = opened.strip_prefix(EXPIRY_PREFIX) else {
        return Some(opened);
    };

    let end = rest.iter().position(|byte| *byte == b',')?;
    let expires_at_s: i64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    (expires_at_s >= now.as_second()).then(|| [b"{", &rest[end + 1..]].concat())
}

pub(super) fn fault() -> Problem {
    tracing::error!(
        reason = "fault",
        "a stored response could not be encrypted or decrypted"
    );
    Problem::logged_fault()
}
