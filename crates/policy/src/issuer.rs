//! An issuer of signed tokens that the policy trusts.

use http::Uri;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::claim_mapping::ClaimMapping;
use crate::key_set::KeySet;

/// What a policy requires of one issuer's tokens.
#[derive(Debug)]
pub struct Issuer {
    /// The algorithms that its signatures may have.
    pub algorithms: Vec<Algorithm>,
    /// The values that `typ` may have, in lower case and without `application/`.
    pub types: Vec<String>,
    /// A token's audience must contain one of these.
    pub audiences: Vec<String>,
    /// The claims that may contain the audience, in the order in which they are consulted.
    pub audience_claims: Vec<String>,
    /// Claims that a token must have with exactly these values.
    pub required_claims: Map<String, Value>,
    /// How its claims are read.
    pub mapping: ClaimMapping,
    /// How long its tokens are valid.
    pub limits: TimeLimits,
}

/// Limits on the instants in a token.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// By how much clocks may differ, in seconds.
    pub tolerance_s: i64,
    /// The longest lifetime of a token, in seconds; `None` is unlimited.
    pub max_lifetime_s: Option<i64>,
}

/// Where an issuer's signing keys are.
#[derive(Debug)]
pub enum KeyOrigin {
    /// In the policy.
    Inline(KeySet),
    /// At an address.
    Address(Uri),
    /// At the address that the discovery document at this address names.
    Discovery(Uri),
}

impl Issuer {
    /// The `iss` of its tokens.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.mapping.issuer
    }

    /// True if a token may have this algorithm and this type. It is checked before any key is
    /// looked for.
    #[must_use]
    pub fn admits(&self, algorithm: Algorithm, typ: &str) -> bool {
        let typ = if typ.is_empty() { "jwt" } else { typ };
        self.algorithms.contains(&algorithm) && self.types.iter().any(|known| known == typ)
    }
}
