//! The signature algorithms there are.

use jsonwebtoken::Algorithm;

/// Every one that can be configured: asymmetric, and at hand.
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

/// An algorithm by its name in RFC 7518 and RFC 8037, which has one spelling.
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
    fn neither_none_nor_a_shared_secret_is_an_algorithm() {
        for name in [
            "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "rs256", "RS1", "ES512",
            "ES256K",
        ] {
            assert_eq!(algorithm(name), None, "{name}");
        }
    }
}
