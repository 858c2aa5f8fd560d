//! How the claims of one issuer become a caller.

use std::sync::Arc;

use crate::assertions::Assertions;

/// How the claims of one issuer are read.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The issuer's name in the policy, by which rules refer to it.
    pub name: Arc<str>,
    /// The issuer itself. What is unique within it is hashed together with it.
    pub issuer: Arc<str>,
    /// The claim that becomes the `user_id`.
    pub user_claim: String,
    /// The claim that names the plan, if tokens may choose one.
    pub plan_claim: Option<String>,
    /// The plan of tokens that name none.
    pub default_plan: Option<String>,
    /// True if an e-mail address counts although the token does not say that it was verified.
    pub trusts_email: bool,
    /// What the issuer may assert about its users.
    pub assertions: Assertions,
}
