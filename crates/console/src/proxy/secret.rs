//! Random values that open a console: codes and sessions.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry::{RandomError, random_bytes};

const SECRET_BYTES: usize = 32;

/// A random value of 256 bits, in characters that need no encoding in a URL.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    /// Returns a new value.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub(super) fn generate() -> Result<Self, RandomError> {
        let bytes = random_bytes::<SECRET_BYTES>()?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// True if a client knows the value. The time does not depend on how much of it is correct.
    pub(super) fn matches(&self, presented: &[u8]) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), presented).is_ok()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// Omits the value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_value_matches() {
        let secret = Secret::generate().unwrap();
        let text = secret.as_str().to_owned();
        assert_eq!(text.len(), 43);
        assert!(secret.matches(text.as_bytes()));
        for wrong in [&text[1..], &text[..42], "", &format!("{text}=")] {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
        }
        assert!(!Secret::generate().unwrap().matches(text.as_bytes()));
    }

    #[test]
    fn debug_output_omits_the_value() {
        assert_eq!(format!("{:?}", Secret::generate().unwrap()), "Secret");
    }
}
