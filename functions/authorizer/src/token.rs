//! Tokens: form, signature, claims and bearer.

pub(crate) mod bearer;
pub(crate) mod claims;
pub(crate) mod issuer_claims;
pub(crate) mod jws;
pub(crate) mod refusal;
pub(crate) mod times;
#[cfg(test)]
mod wycheproof;
