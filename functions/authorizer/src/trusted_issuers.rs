//! The trusted issuers, and the choice of the one whose requirements apply to a token.

use std::collections::HashMap;
use std::sync::Arc;

use policy::{Issuer, Key, key_serves};
use serde_json::Value;

use crate::issuer_keys::IssuerKeys;
use crate::rejection::Rejection;
use crate::token::claims::Claims;
use crate::token::refusal::TokenRefusal;

/// An issuer with its signing keys.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) issuer: Issuer,
    pub(crate) keys: IssuerKeys,
}

/// The entry of the policy that applies to a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenIssuer<'t> {
    pub(crate) trusted: &'t Arc<TrustedIssuer>,
    /// The `iss` of the token.
    pub(crate) iss: &'t str,
    /// The tenant in `iss`, if the issuer has tenants.
    pub(crate) tenant: Option<&'t str>,
}

/// The issuers of a policy. The cost of a choice does not grow with their number, apart from the
/// few with tenants.
#[derive(Debug, Default)]
pub(crate) struct TrustedIssuers {
    /// Entries by their `iss`, in the order of the policy.
    by_iss: HashMap<String, Vec<Arc<TrustedIssuer>>>,
    /// Entries whose `iss` contains a tenant.
    with_tenants: Vec<Arc<TrustedIssuer>>,
}

impl TrustedIssuers {
    pub(crate) fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Self {
        let mut trusted = Self::default();
        for issuer in issuers.into_iter().map(Arc::new) {
            if issuer.issuer.tenants.is_some() {
                trusted.with_tenants.push(issuer);
            } else {
                let iss = issuer.issuer.iss().to_owned();
                trusted.by_iss.entry(iss).or_default().push(issuer);
            }
        }
        trusted
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TrustedIssuer>> {
        self.by_iss.values().flatten().chain(&self.with_tenants)
    }

    /// Returns the first entry for the issuer and the audience of a token. Nothing else of the token
    /// is looked at, so it cannot choose an entry by its algorithm or key.
    ///
    /// # Errors
    /// 401 if the policy does not trust the issuer, the tenant or the audience.
    pub(crate) fn choose<'t>(&'t self, claims: &'t Claims) -> Result<TokenIssuer<'t>, Rejection> {
        let iss = claims
            .get("iss")
            .and_then(Value::as_str)
            .ok_or(TokenRefusal::invalid_token("issuer_missing"))?;
        let first = self
            .candidates(iss)
            .next()
            .ok_or(TokenRefusal::invalid_token("issuer_unknown"))?;

        let mut accepted = self
            .candidates(iss)
            .filter(TokenIssuer::accepts_tenant)
            .peekable();
        if accepted.peek().is_none() {
            return Err(first.rejection(TokenRefusal::invalid_token("tenant")));
        }
        let chosen = accepted
            .find(|candidate| candidate.trusted.issuer.audiences.accept(claims))
            .ok_or_else(|| first.rejection(TokenRefusal::invalid_claims("audience")))?;

        chosen
            .check_tenant(claims)
            .map_err(|refusal| chosen.rejection(refusal))?;
        Ok(chosen)
    }

    /// Returns the entries for an issuer in the order of the policy.
    pub(crate) fn candidates<'t>(&'t self, iss: &'t str) -> impl Iterator<Item = TokenIssuer<'t>> {
        let exact = self.by_iss.get(iss).into_iter().flatten();
        let exact = exact.map(move |trusted| TokenIssuer {
            trusted,
            iss,
            tenant: None,
        });
        let with_tenants = self.with_tenants.iter().filter_map(move |trusted| {
            let tenant = trusted.issuer.tenants.as_ref()?.tenant(iss)?;
            Some(TokenIssuer {
                trusted,
                iss,
                tenant: Some(tenant),
            })
        });
        exact.chain(with_tenants)
    }
}

impl TokenIssuer<'_> {
    /// Returns the rejection of a token of this issuer.
    pub(crate) fn rejection(&self, refusal: impl Into<Rejection>) -> Rejection {
        let rejection: Rejection = refusal.into();
        rejection.of_issuer(&self.trusted.issuer.mapping.name)
    }

    /// True if a signing key may sign tokens of this issuer. A key can name the issuer that it
    /// serves.
    pub(crate) fn accepts_key(&self, key: &Key) -> bool {
        key.issuer
            .as_ref()
            .is_none_or(|key_issuer| key_serves(key_issuer, self.iss, self.tenant))
    }

    fn accepts_tenant(&self) -> bool {
        let tenants = self.trusted.issuer.tenants.as_ref();
        self.tenant
            .zip(tenants)
            .is_none_or(|(tenant, tenants)| tenants.accepts(tenant))
    }

    /// Checks that the claim `tid` names the tenant in `iss`.
    fn check_tenant(&self, claims: &Claims) -> Result<(), TokenRefusal> {
        let claimed = claims.get("tid").and_then(Value::as_str);
        if self.tenant.is_some() && claimed != self.tenant {
            return Err(TokenRefusal::claim("tid"));
        }
        Ok(())
    }
}
