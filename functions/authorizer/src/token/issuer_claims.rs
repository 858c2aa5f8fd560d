//! Checks the claims of a signed token against the policy.

use jiff::Timestamp;
use outcome::Reason;
use policy::Issuer;
use serde_json::Value;

use super::bearer::Bearer;
use super::claims::{Claims, claim};
use super::times::Times;

/// Returns the bearer of a token with these claims and a valid signature.
///
/// # Errors
/// [`Reason::TokenExpired`] or [`Reason::InvalidClaims`] for the first requirement that is not met.
pub(crate) fn bearer(
    issuer: &Issuer,
    claims: &Claims,
    times: Times,
    now: Timestamp,
) -> Result<Bearer, Reason> {
    times.check(now, issuer.limits)?;

    let is_as_required = |(name, value): (&String, &Value)| claims.get(name) == Some(value);
    if !is_for_us(issuer, claims) || !issuer.required_claims.iter().all(is_as_required) {
        return Err(Reason::InvalidClaims);
    }
    Bearer::read(claims, times, &issuer.mapping, "jwt")
}

/// True if the first audience claim with a value names one of the audiences. Null and an empty list
/// are no values.
fn is_for_us(issuer: &Issuer, claims: &Claims) -> bool {
    let is_ours = |audience: &Value| {
        audience
            .as_str()
            .is_some_and(|name| issuer.audiences.iter().any(|our| our == name))
    };
    let has_value = |audience: &&Value| {
        audience
            .as_array()
            .is_none_or(|audiences| !audiences.is_empty())
    };

    match issuer
        .audience_claims
        .iter()
        .find_map(|name| claim(claims, name).filter(has_value))
    {
        Some(Value::Array(audiences)) => {
            audiences.iter().all(Value::is_string) && audiences.iter().any(is_ours)
        }
        Some(audience) => is_ours(audience),
        None => false,
    }
}
