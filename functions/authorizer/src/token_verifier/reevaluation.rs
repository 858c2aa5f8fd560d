//! Evaluates a token that another verifier has verified. No signature is checked again, and nothing
//! is read or fetched.

use std::sync::Arc;

use jiff::Timestamp;

use super::read_times;
use super::{TokenVerifier, VerifiedToken, admitted_algorithm, check_kid, check_type};
use crate::candidate::Stop;
use crate::introspection::{AUTH, is_jose};
use crate::issuer_keys::{IssuerKeys, TokenSigner};
use crate::token::bearer::Bearer;
use crate::token::issuer_claims;
use crate::token::jws::Jws;
use crate::token::refusal::TokenRefusal;
use crate::trusted_issuers::TokenIssuer;

impl TokenVerifier {
    /// Returns the bearer of a token that `verifier` has accepted for `bearer`.
    /// `has_same_introspection` is true if both verify opaque tokens in the same way.
    ///
    /// # Errors
    /// [`Stop::Refused`] if this verifier refuses the token, [`Stop::Unknown`] if that depends on
    /// another key or server than those of `verifier`.
    pub(crate) fn reevaluate(
        &self,
        token: &str,
        bearer: &Arc<Bearer>,
        verifier: &Self,
        has_same_introspection: bool,
        now: Timestamp,
    ) -> Result<Arc<Bearer>, Stop> {
        if bearer.auth == AUTH || !is_jose(token) {
            return match &self.introspection {
                None => Err(TokenRefusal::invalid_token("opaque").into()),
                Some(_) if has_same_introspection => Ok(Arc::clone(bearer)),
                Some(_) => Err(Stop::Unknown),
            };
        }

        // Only the most recently used tokens are remembered.
        let verified = verifier.verified.get(token).ok_or(Stop::Unknown)?;
        let jws = Jws::parse(token)?;
        let claims = jws.claims()?;
        let issuer = self.issuers.choose(&claims)?;

        let refused = |refusal: TokenRefusal| Stop::Refused(issuer.rejection(refusal));
        let requirements = &issuer.trusted.issuer;
        admitted_algorithm(requirements, &jws).map_err(refused)?;
        check_type(requirements, &jws).map_err(refused)?;
        check_kid(issuer.trusted, &jws).map_err(refused)?;
        let times = read_times(&claims).map_err(refused)?;

        let accepts_signer = verified.has_signer_of(&issuer);
        let is_checked = !requirements.checks_revocation
            || has_same_introspection && verified.trusted.issuer.checks_revocation;
        if !accepts_signer || !is_checked {
            return Err(Stop::Unknown);
        }
        let bearer = issuer_claims::bearer(requirements, issuer.iss, &claims, times, now);
        bearer.map(Arc::new).map_err(refused)
    }
}

impl VerifiedToken {
    /// True if the key or secret that signed the token is certainly one of the issuer.
    fn has_signer_of(&self, issuer: &TokenIssuer<'_>) -> bool {
        match (&self.signer, &self.trusted.keys, &issuer.trusted.keys) {
            (TokenSigner::Key(key), _, IssuerKeys::Inline(set)) => {
                issuer.accepts_key(key) && set.contains(key)
            }
            (TokenSigner::Key(key), IssuerKeys::Fetched(one), IssuerKeys::Fetched(other)) => {
                issuer.accepts_key(key) && Arc::ptr_eq(one, other)
            }
            (TokenSigner::Secret(_), IssuerKeys::Secrets(one), IssuerKeys::Secrets(other)) => {
                one.are_same(other)
            }
            _ => false,
        }
    }
}
