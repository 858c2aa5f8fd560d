//! The claims of a signed token, checked against what the policy requires of its issuer.

use jiff::Timestamp;
use outcome::Reason;
use policy::Issuer;
use serde_json::Value;

use super::bearer::Bearer;
use super::claims::{Claims, claim};
use super::times::Times;

/// Reads who bears a token with these claims, whose signature is valid.
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

    let as_required = |(name, value): (&String, &Value)| claims.get(name) == Some(value);
    if !is_for_us(issuer, claims) || !issuer.required_claims.iter().all(as_required) {
        return Err(Reason::InvalidClaims);
    }
    Bearer::read(claims, times, &issuer.mapping, "jwt")
}

/// The first of the audience claims that says anything decides: null and an empty list do not.
fn is_for_us(issuer: &Issuer, claims: &Claims) -> bool {
    let ours = |audience: &Value| {
        audience
            .as_str()
            .is_some_and(|name| issuer.audiences.iter().any(|our| our == name))
    };
    let says = |audience: &&Value| {
        audience
            .as_array()
            .is_none_or(|audiences| !audiences.is_empty())
    };

    match issuer
        .audience_claims
        .iter()
        .find_map(|name| claim(claims, name).filter(says))
    {
        Some(Value::Array(audiences)) => {
            audiences.iter().all(Value::is_string) && audiences.iter().any(ours)
        }
        Some(audience) => ours(audience),
        None => false,
    }
}
