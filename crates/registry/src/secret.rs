//! The secret of a key, on the side of the client that generates it.

use std::fmt;

use crate::{KeyHash, RandomError, generate_secret};

/// The secret of a key. Its `Debug` output does not show it.
///
/// ```
/// # fn example() -> Result<(), registry::RandomError> {
/// let secret = registry::Secret::generate(None)?;
/// assert!(secret.expose().starts_with("tg_"));
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns a new random secret that begins with `prefix`, or with `tg_`.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub fn generate(prefix: Option<&str>) -> Result<Self, RandomError> {
        Ok(Self(generate_secret(prefix)?))
    }

    /// Returns a text as a secret. `None` unless it has the form of an API key: 20 to 128 visible
    /// ASCII characters without a comma.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        KeyHash::of(text).is_ok().then(|| Self(text.to_owned()))
    }

    /// Returns the text. It must not be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the SHA-256 as 64 hexadecimal digits, as the API's field `hash`.
    #[must_use]
    pub fn hash(&self) -> String {
        // Both constructors check the form, so there is always a hash.
        KeyHash::of(&self.0).map_or_else(|_| String::new(), |hash| hash.hex())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_secret_has_the_prefix_and_a_hash() {
        let secret = Secret::generate(Some("acme_live_")).unwrap();
        assert!(secret.expose().starts_with("acme_live_"));
        assert_eq!(Secret::from_text(secret.expose()), Some(secret.clone()));
        assert_eq!(secret.hash().len(), 64);
        assert_ne!(secret.hash(), Secret::generate(None).unwrap().hash());
    }

    #[test]
    fn hash_is_the_sha256_of_the_text() {
        let secret = Secret::from_text("local-free-key-000000000001").unwrap();
        let expected = KeyHash::from_hex(&secret.hash());
        assert_eq!(expected, KeyHash::of("local-free-key-000000000001").ok());
    }

    #[test]
    fn debug_output_does_not_show_the_secret() {
        let secret = Secret::from_text("local-free-key-000000000001").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
