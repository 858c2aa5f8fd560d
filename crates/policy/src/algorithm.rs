//! The supported signature algorithms.

use jsonwebtoken::Algorithm as LibraryAlgorithm;

/// A signature algorithm of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// An algorithm that jsonwebtoken implements.
    Library(LibraryAlgorithm),
    /// ECDSA with P-521 and SHA-512, which jsonwebtoken lacks.
    Es512,
}

/// The algorithms of issuers with public keys, by name (RFC 7518, RFC 8037 and RFC 9864).
const ASYMMETRIC: [(&str, Algorithm); 11] = [
    ("RS256", Algorithm::Library(LibraryAlgorithm::RS256)),
    ("RS384", Algorithm::Library(LibraryAlgorithm::RS384)),
    ("RS512", Algorithm::Library(LibraryAlgorithm::RS512)),
    ("PS256", Algorithm::Library(LibraryAlgorithm::PS256)),
    ("PS384", Algorithm::Library(LibraryAlgorithm::PS384)),
    ("PS512", Algorithm::Library(LibraryAlgorithm::PS512)),
    ("ES256", Algorithm::Library(LibraryAlgorithm::ES256)),
    ("ES384", Algorithm::Library(LibraryAlgorithm::ES384)),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::ED25519),
    ("Ed25519", Algorithm::ED25519),
];
/// The algorithms of issuers with a shared secret, by name (RFC 7518).
const SYMMETRIC: [(&str, Algorithm); 3] = [
    ("HS256", Algorithm::HS256),
    ("HS384", Algorithm::Library(LibraryAlgorithm::HS384)),
    ("HS512", Algorithm::Library(LibraryAlgorithm::HS512)),
];

impl Algorithm {
    /// The default of issuers with a shared secret.
    pub(crate) const HS256: Self = Self::Library(LibraryAlgorithm::HS256);
    /// `Ed25519`, and `EdDSA` with a key of that kind.
    pub(crate) const ED25519: Self = Self::Library(LibraryAlgorithm::EdDSA);

    /// Returns the algorithm with exactly this name.
    ///
    /// ```
    /// use policy::Algorithm;
    ///
    /// assert!(Algorithm::from_name("ES256").is_some());
    /// assert!(Algorithm::from_name("none").is_none());
    /// assert_eq!(Algorithm::from_name("EdDSA"), Algorithm::from_name("Ed25519"));
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ASYMMETRIC
            .iter()
            .chain(&SYMMETRIC)
            .find(|(known, _)| *known == name)
            .map(|(_, algorithm)| *algorithm)
    }

    /// Returns the name, which is `EdDSA` for `Ed25519` too.
    #[must_use]
    pub fn name(self) -> &'static str {
        ASYMMETRIC
            .iter()
            .chain(&SYMMETRIC)
            .find(|(_, algorithm)| *algorithm == self)
            .map_or("", |(name, _)| *name)
    }

    /// Returns every algorithm with public keys.
    pub(crate) fn asymmetric() -> Vec<Self> {
        ASYMMETRIC.iter().map(|(_, algorithm)| *algorithm).collect()
    }

    /// Returns the length that a shared secret must have at least, in bytes (RFC 7518, section 3.2).
    /// `None` for an algorithm with public keys.
    #[must_use]
    pub const fn min_secret_bytes(self) -> Option<usize> {
        match self {
            Self::Library(LibraryAlgorithm::HS256) => Some(32),
            Self::Library(LibraryAlgorithm::HS384) => Some(48),
            Self::Library(LibraryAlgorithm::HS512) => Some(64),
            Self::Library(_) | Self::Es512 => None,
        }
    }

    /// True if signatures are made and verified with the same secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        self.min_secret_bytes().is_some()
    }
}

/// Returns the names of the supported algorithms, for an error.
pub(crate) fn names(symmetric: bool) -> String {
    let known = if symmetric {
        &SYMMETRIC[..]
    } else {
        &ASYMMETRIC[..]
    };
    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_not_supported() {
        for name in [
            "none",
            "None",
            "nOnE",
            "NONE",
            "",
            "rs256",
            "RS1",
            "hs256",
            "HS1",
            "ES256K",
            "Ed448",
            "ML-DSA-44",
            "ed25519",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn shared_secrets_are_only_for_hmac() {
        for (names, is_symmetric) in [(&ASYMMETRIC[..], false), (&SYMMETRIC[..], true)] {
            for (name, algorithm) in names {
                assert_eq!(algorithm.is_symmetric(), is_symmetric, "{name}");
            }
        }
    }
}
