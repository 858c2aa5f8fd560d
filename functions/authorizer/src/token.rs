//! Tokens as such: their form, their signature, their claims, and who bears them.

pub(crate) mod bearer;
pub(crate) mod claims;
pub(crate) mod issuer_claims;
pub(crate) mod jws;
pub(crate) mod times;
#[cfg(test)]
mod wycheproof;
