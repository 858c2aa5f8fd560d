//! The hash of a secret in requests.

use registry::KeyHash;

use crate::problem::{Mistake, Problem};

/// Reads the field `hash`.
///
/// # Errors
/// 422 if it is invalid.
pub(super) fn read(text: &str) -> Result<KeyHash, Problem> {
    KeyHash::from_hex(text)
        .ok_or_else(|| Problem::invalid_body(mistake(text).into_iter().collect()))
}

/// Returns what is wrong with the field `hash`. Its value may be a secret and is not repeated.
pub(super) fn mistake(text: &str) -> Option<Mistake> {
    let detail = "expected the SHA-256 of the secret as 64 hexadecimal digits";
    KeyHash::from_hex(text)
        .is_none()
        .then(|| Mistake::at("/hash", detail))
}
