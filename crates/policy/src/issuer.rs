//! An issuer of signed tokens that the policy trusts.

use http::Uri;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::claim_mapping::ClaimMapping;
use crate::key_set::KeySet;

/// The requirements for tokens of one issuer.
#[derive(Debug)]
pub struct Issuer {
    /// The algorithms that its signatures may have.
    pub algorithms: Vec<Algorithm>,
    /// The values that `typ` may have, in lower case and without `application/`.
    pub types: Vec<String>,
    /// A token's audience must contain one of these.
    pub audiences: Vec<String>,
    /// The claims that may contain the audience, in order of precedence.
    pub audience_claims: Vec<String>,
    /// Claims that a token must have with exactly these values.
    pub required_claims: Map<String, Value>,
    /// The mapping from its claims to a caller.
    pub mapping: ClaimMapping,
    /// The limits on the times in its tokens.
    pub limits: TimeLimits,
}

/// Limits on the times in a token.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// The clock tolerance in seconds.
    pub tolerance_s: i64,
    /// The longest lifetime of a token in seconds, or `None` without a limit.
    pub max_lifetime_s: Option<i64>,
}

/// The place of an issuer's signing keys.
#[derive(Debug)]
pub enum KeyOrigin {
    /// The policy contains them.
    Inline(KeySet),
    /// They are at this address.
    Address(Uri),
    /// They are at the address in the discovery document at this address.
    Discovery(Uri),
}

impl Issuer {
    /// Returns the `iss` of its tokens.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.mapping.issuer
    }

    /// True if a token may have this algorithm and this type.
    #[must_use]
    pub fn admits(&self, algorithm: Algorithm, typ: &str) -> bool {
        let typ = if typ.is_empty() { "jwt" } else { typ };
        self.algorithms.contains(&algorithm) && self.types.iter().any(|known| known == typ)
    }
}
