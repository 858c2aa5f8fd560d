//! A rule as a policy contains it.

use serde::Deserialize;

use crate::error::PolicyError;
use crate::rule::{Auth, Rule};

/// The requirements for requests to one route.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Rule))]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDocument {
    /// A route key, such as `GET /orders/{id}`.
    pub(crate) r#match: String,
    /// The credentials that are accepted.
    auth: Auth,
    /// The caller must have all of these scopes. The default is none.
    #[serde(default)]
    scopes: Vec<String>,
    /// The caller must have at least one of these roles, in addition to the scopes. Only tokens have
    /// roles. The default is none.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false, min_items = 1))]
    roles: Option<Vec<String>>,
    /// The names of the issuers whose tokens are accepted. API keys and certificates are not
    /// restricted by it. The default is all issuers.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false, min_items = 1))]
    issuers: Option<Vec<String>>,
    /// The calls that a request counts as in each of the caller's limits. The default is 1.
    #[serde(default = "default_cost")]
    cost: u64,
    /// The plan of callers of a public route. Needs `limit_by`.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) plan: Option<String>,
    /// The property that distinguishes callers of a public route. Needs `plan`.
    #[cfg_attr(feature = "schema", schema(value_type = LimitBy, required = false))]
    limit_by: Option<LimitBy>,
}

fn default_cost() -> u64 {
    1
}

/// The property that distinguishes callers of a public route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum LimitBy {
    /// The source address. An IPv6 network of 64 bits is one caller.
    Ip,
}

impl RuleDocument {
    /// Checks the rule at `index` by itself.
    ///
    /// # Errors
    /// [`PolicyError::Contradiction`] for fields that contradict each other.
    pub(crate) fn check(self, index: usize) -> Result<Rule, PolicyError> {
        match self.contradiction() {
            Some(problem) => Err(PolicyError::Contradiction { index, problem }),
            None => Ok(Rule {
                route: self.r#match,
                auth: self.auth,
                scopes: self.scopes,
                roles: self.roles.unwrap_or_default(),
                issuers: self.issuers,
                cost: self.cost,
                address_plan: self.plan,
            }),
        }
    }

    fn contradiction(&self) -> Option<&'static str> {
        let is_public = self.auth == Auth::None;
        match (&self.plan, self.limit_by) {
            (Some(_), None) => {
                return Some(
                    "`plan` needs `limit_by`: a caller with credentials has a plan of its own",
                );
            }
            (None, Some(LimitBy::Ip)) => return Some("`limit_by` needs a `plan`"),
            (Some(_), Some(LimitBy::Ip)) if !is_public => {
                return Some("`limit_by` is for `auth: none`");
            }
            _ => {}
        }

        if is_public && !self.scopes.is_empty() {
            return Some("`scopes` cannot be required of callers without credentials");
        }
        if self.roles.is_some() && !matches!(self.auth, Auth::Any | Auth::Jwt) {
            return Some("`roles` needs tokens, which this `auth` does not accept");
        }
        if self.roles.as_ref().is_some_and(Vec::is_empty) {
            return Some("`roles` is empty: no caller would be accepted");
        }
        if self.issuers.is_some() && !matches!(self.auth, Auth::Any | Auth::Jwt) {
            return Some("`issuers` restricts tokens, which this `auth` does not accept");
        }
        if self.issuers.as_ref().is_some_and(Vec::is_empty) {
            return Some("`issuers` is empty: no token would be accepted");
        }
        None
    }
}
