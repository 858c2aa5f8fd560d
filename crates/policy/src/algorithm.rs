//! The supported signature algorithms.

use jsonwebtoken::Algorithm;

/// The algorithms that can be configured, by name. All are asymmetric.
pub(crate) const SUPPORTED: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Returns the algorithm with exactly this name of RFC 7518 or RFC 8037.
///
/// ```
/// assert!(policy::algorithm("ES256").is_some());
/// assert!(policy::algorithm("none").is_none());
/// ```
#[must_use]
pub fn algorithm(name: &str) -> Option<Algorithm> {
    SUPPORTED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, algorithm)| *algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_shared_secrets_are_not_supported() {
        for name in [
            "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "rs256", "RS1", "ES512",
            "ES256K",
        ] {
            assert_eq!(algorithm(name), None, "{name}");
        }
    }
}
