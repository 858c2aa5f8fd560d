//! Checks the claims of a signed token against the policy.

use jiff::Timestamp;
use policy::Issuer;

use super::bearer::Bearer;
use super::claims::Claims;
use super::refusal::TokenRefusal;
use super::times::Times;

/// Returns the bearer of a token of `iss` with these claims, a valid signature and an accepted
/// audience.
///
/// # Errors
/// [`TokenRefusal`] for the first requirement that is not met.
pub(crate) fn bearer(
    issuer: &Issuer,
    iss: &str,
    claims: &Claims,
    times: Times,
    now: Timestamp,
) -> Result<Bearer, TokenRefusal> {
    times.check(now, issuer.limits)?;
    if let Some(unmet) = issuer.unmet_claim(claims) {
        return Err(TokenRefusal::claim(&unmet.path));
    }
    Bearer::read(claims, times, &issuer.mapping, iss, "jwt")
}
