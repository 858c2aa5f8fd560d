//! An issuer of tokens, as the policy trusts it.

use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::Reason;
use crate::bearer::{Bearer, Reading};
use crate::claims::{Claims, claim};
use crate::times::{Limits, Times};

/// What is trusted of an issuer, and what its tokens have to say.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) types: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) audience_claims: Vec<String>,
    pub(crate) required_claims: Claims,
    pub(crate) reading: Reading,
    pub(crate) limits: Limits,
}

impl Issuer {
    /// The `iss` of its tokens.
    pub(crate) fn iss(&self) -> &str {
        &self.reading.issuer
    }

    /// Whether a token may have this algorithm and this type, before any key is looked for.
    pub(crate) fn admits(&self, algorithm: Algorithm, typ: &str) -> bool {
        let typ = if typ.is_empty() { "jwt" } else { typ };
        self.algorithms.contains(&algorithm) && self.types.iter().any(|known| known == typ)
    }

    /// Who bears a token with these claims, whose signature holds.
    pub(crate) fn bearer(&self, claims: &Claims, times: Times, now: Timestamp) -> Result<Bearer, Reason> {
        times.check(now, self.limits)?;
        let as_required = |(name, value): (&String, &Value)| claims.get(name) == Some(value);
        if !self.is_for_us(claims) || !self.required_claims.iter().all(as_required) {
            return Err(Reason::InvalidClaims);
        }
        Bearer::read(claims, times, &self.reading, "jwt")
    }

    /// The first of the audience claims that says anything decides: null and an empty list do not.
    fn is_for_us(&self, claims: &Claims) -> bool {
        let ours =
            |audience: &Value| audience.as_str().is_some_and(|name| self.audiences.iter().any(|our| our == name));
        let says = |audience: &&Value| audience.as_array().is_none_or(|audiences| !audiences.is_empty());
        match self.audience_claims.iter().find_map(|name| claim(claims, name).filter(says)) {
            Some(Value::Array(audiences)) => audiences.iter().all(Value::is_string) && audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => false,
        }
    }
}
