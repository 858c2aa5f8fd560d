//! The mapping from the claims of an issuer to a caller.

use std::sync::Arc;

use crate::assertions::Assertions;

/// The mapping from the claims of one issuer to a caller.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The issuer's name in the policy, by which rules refer to it.
    pub name: Arc<str>,
    /// The issuer itself. Subjects are unique only within it.
    pub issuer: Arc<str>,
    /// The claim that becomes the `user_id`.
    pub user_claim: String,
    /// The claim that names the plan, if tokens may choose one.
    pub plan_claim: Option<String>,
    /// The plan of tokens that name none.
    pub default_plan: Option<String>,
    /// True if an email address counts even if the token does not say that it was verified.
    pub trusts_email: bool,
    /// The limits on what the issuer may assert.
    pub assertions: Assertions,
}
