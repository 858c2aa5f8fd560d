//! A rule of a policy, and whether it requires more than another one.

use routes::Demands;
use serde::Deserialize;

/// The credentials that a rule accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Any kind of credential. Every credential that is sent must be valid.
    Any,
    /// A bearer token. If an API key is sent too, it must be valid.
    Jwt,
    /// A client certificate. Other credentials are left to the backend.
    Mtls,
    /// An API key. Other credentials are left to the backend.
    ApiKey,
    /// No credential: the route is public.
    None,
}

/// The requirements for requests to one route.
#[derive(Debug)]
pub struct Rule {
    /// The route key, as the policy contains it.
    pub route: String,
    /// The credentials that are accepted.
    pub auth: Auth,
    /// The scopes that the caller must have, all of them.
    pub scopes: Vec<String>,
    /// The roles of which the caller must have at least one. Empty if none is required.
    pub roles: Vec<String>,
    /// The names of the issuers whose tokens are accepted, or `None` for all. Only tokens are
    /// restricted by it.
    pub issuers: Option<Vec<String>>,
    /// The calls that a request counts as in each of the caller's limits.
    pub cost: u64,
    /// The plan of source addresses, if the route is public and limited.
    pub address_plan: Option<String>,
}

impl Demands for Rule {
    // Every field is named, so that the compiler reports a new one.
    fn demands_more_than(&self, other: &Self) -> bool {
        let Self {
            route: _,
            auth,
            scopes,
            roles,
            issuers,
            cost,
            address_plan,
        } = self;
        auth.demands_more_than(other.auth)
            || scopes.iter().any(|scope| !other.scopes.contains(scope))
            || !roles.is_empty()
                && (other.roles.is_empty() || other.roles.iter().any(|role| !roles.contains(role)))
            || issuers
                .as_ref()
                .is_some_and(|accepted| accepts_others(other.issuers.as_deref(), accepted))
            || *cost > other.cost
            || address_plan.is_some() && *address_plan != other.address_plan
    }
}

/// True if a rule with `issuers` accepts tokens of an issuer that is not among `accepted`.
fn accepts_others(issuers: Option<&[String]>, accepted: &[String]) -> bool {
    issuers.is_none_or(|issuers| issuers.iter().any(|issuer| !accepted.contains(issuer)))
}

impl Auth {
    /// True if credentials that satisfy `other` may not satisfy this.
    fn demands_more_than(self, other: Self) -> bool {
        match self {
            Self::None => false,
            Self::Any => other == Self::None,
            Self::Jwt | Self::Mtls | Self::ApiKey => self != other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule_document::RuleDocument;

    fn rule(json: &str) -> Rule {
        let document: RuleDocument = serde_json::from_str(json).unwrap();
        document.check(0).unwrap()
    }

    #[test]
    fn each_field_can_demand_more() {
        let weak = r#"{"match":"GET /","auth":"any"}"#;
        for (one, other, expected) in [
            (weak, weak, false),
            (r#"{"match":"GET /a","auth":"any"}"#, weak, false),
            (r#"{"match":"GET /","auth":"none"}"#, weak, false),
            (weak, r#"{"match":"GET /","auth":"none"}"#, true),
            (weak, r#"{"match":"GET /","auth":"jwt"}"#, false),
            (r#"{"match":"GET /","auth":"jwt"}"#, weak, true),
            (
                r#"{"match":"GET /","auth":"jwt"}"#,
                r#"{"match":"GET /","auth":"api_key"}"#,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"any","scopes":["a"]}"#,
                weak,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"any","scopes":["a"]}"#,
                r#"{"match":"GET /","auth":"any","scopes":["b"]}"#,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"any","scopes":["a"]}"#,
                r#"{"match":"GET /","auth":"any","scopes":["b","a"]}"#,
                false,
            ),
            (
                r#"{"match":"GET /","auth":"any","roles":["a"]}"#,
                weak,
                true,
            ),
            (
                weak,
                r#"{"match":"GET /","auth":"any","roles":["a"]}"#,
                false,
            ),
            (
                r#"{"match":"GET /","auth":"any","roles":["a","b"]}"#,
                r#"{"match":"GET /","auth":"any","roles":["a"]}"#,
                false,
            ),
            (
                r#"{"match":"GET /","auth":"any","roles":["a"]}"#,
                r#"{"match":"GET /","auth":"any","roles":["a","b"]}"#,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"any","issuers":["a"]}"#,
                weak,
                true,
            ),
            (
                weak,
                r#"{"match":"GET /","auth":"any","issuers":["a"]}"#,
                false,
            ),
            (
                r#"{"match":"GET /","auth":"any","issuers":["a","b"]}"#,
                r#"{"match":"GET /","auth":"any","issuers":["a"]}"#,
                false,
            ),
            (
                r#"{"match":"GET /","auth":"any","issuers":["a"]}"#,
                r#"{"match":"GET /","auth":"any","issuers":["a","b"]}"#,
                true,
            ),
            (r#"{"match":"GET /","auth":"any","cost":2}"#, weak, true),
            (weak, r#"{"match":"GET /","auth":"any","cost":2}"#, false),
            (
                r#"{"match":"GET /","auth":"none","limit_by":"ip","plan":"p"}"#,
                r#"{"match":"GET /","auth":"none","limit_by":"ip","plan":"q"}"#,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"none","limit_by":"ip","plan":"p"}"#,
                r#"{"match":"GET /","auth":"none"}"#,
                true,
            ),
            (
                r#"{"match":"GET /","auth":"none"}"#,
                r#"{"match":"GET /","auth":"none","limit_by":"ip","plan":"p"}"#,
                false,
            ),
        ] {
            assert_eq!(
                rule(one).demands_more_than(&rule(other)),
                expected,
                "{one} {other}"
            );
        }
    }
}
