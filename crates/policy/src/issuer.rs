//! An issuer of signed tokens that the policy trusts.

use http::Uri;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::audiences::Audiences;
use crate::claim_mapping::ClaimMapping;
use crate::issuer_secret::IssuerSecret;
use crate::key_set::{KeySet, Kid};
use crate::required_claim::RequiredClaim;
use crate::tenants::TenantPattern;

/// The requirements for tokens of one issuer.
#[derive(Debug)]
pub struct Issuer {
    /// The tenants, if the issuer has several.
    pub tenants: Option<TenantPattern>,
    /// The algorithms that its signatures may have.
    pub algorithms: Vec<Algorithm>,
    /// The values that `typ` may have, in lower case and without `application/`.
    pub types: Vec<String>,
    /// The requirement for the `kid` of its tokens.
    pub kid: Kid,
    /// The accepted audiences.
    pub audiences: Audiences,
    /// Claims that a token must have.
    pub required_claims: Vec<RequiredClaim>,
    /// The mapping from its claims to a caller.
    pub mapping: ClaimMapping,
    /// The limits on the times in its tokens.
    pub limits: TimeLimits,
    /// True if the introspection server is asked whether a valid token was revoked.
    pub checks_revocation: bool,
}

/// Limits on the times in a token.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// The clock tolerance in seconds.
    pub tolerance_s: i64,
    /// The longest lifetime of a token in seconds, or `None` without a limit.
    pub max_lifetime_s: Option<i64>,
}

/// The place of an issuer's signing keys, or its secrets.
#[derive(Debug)]
pub enum KeyOrigin {
    /// The policy contains them.
    Inline(KeySet),
    /// They are at this address.
    Address(Uri),
    /// They are at the address in the discovery document at this address.
    Discovery(Uri),
    /// It signs with secrets that it shares with Tollgate.
    Secrets(Vec<IssuerSecret>),
}

impl Issuer {
    /// Returns the `iss` of its tokens.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.mapping.issuer
    }

    /// True if a token may be of both issuers: they are the same, or one is a tenant of the other.
    pub(crate) fn may_share_tokens(&self, other: &Self) -> bool {
        let has_tenant = |pattern: &Self, issuer: &Self| {
            let tenants = pattern.tenants.as_ref();
            tenants.is_some_and(|tenants| tenants.tenant(issuer.iss()).is_some())
        };
        self.iss() == other.iss() || has_tenant(self, other) || has_tenant(other, self)
    }

    /// True if a token may have this type, in lower case and without `application/`. An empty type
    /// is `jwt`.
    #[must_use]
    pub fn admits_type(&self, typ: &str) -> bool {
        let typ = if typ.is_empty() { "jwt" } else { typ };
        self.types.iter().any(|known| known == typ)
    }

    /// Returns the first required claim that is not met.
    #[must_use]
    pub fn unmet_claim(&self, claims: &Map<String, Value>) -> Option<&RequiredClaim> {
        self.required_claims
            .iter()
            .find(|required| !required.is_met(claims))
    }
}
