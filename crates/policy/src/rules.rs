//! The rules of a policy: what a request to each path has to bring.

use routes::Demands;
use serde::Deserialize;

use crate::error::PolicyError;

/// What requests to one route must bring.
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
    /// The names of the issuers whose tokens are accepted. API keys and certificates are not
    /// restricted by it. The default is all issuers.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false, min_items = 1))]
    issuers: Option<Vec<String>>,
    /// What a request takes from each of the caller's limits. The default is 1.
    #[serde(default = "default_cost")]
    cost: u64,
    /// The plan of a public route's callers. Needs `limit_by`.
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) plan: Option<String>,
    /// How a public route's callers are told apart. Needs `plan`.
    #[cfg_attr(feature = "schema", schema(value_type = LimitBy, required = false))]
    limit_by: Option<LimitBy>,
}

fn default_cost() -> u64 {
    1
}

/// The credentials that a rule accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Any kind there is. Every credential that is sent has to hold.
    Any,
    /// A bearer token. A key that is sent besides has to hold too.
    Jwt,
    /// A client certificate; other credentials are the backend's own business.
    Mtls,
    /// An API key; other credentials are the backend's own business.
    ApiKey,
    /// None: the path is public.
    None,
}

/// How a public route's callers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum LimitBy {
    /// By the source address; an IPv6 network of 64 bits is one caller.
    Ip,
}

/// What one match asks of a request.
#[derive(Debug)]
pub struct Rule {
    /// The route key as written.
    pub route: String,
    /// Which credentials.
    pub auth: Auth,
    /// All of these are needed.
    pub scopes: Vec<String>,
    /// The names of the issuers whose tokens are accepted; `None` is all. Other credentials than
    /// tokens are not restricted by it.
    pub issuers: Option<Vec<String>>,
    /// What a request takes from each of its limits.
    pub cost: u64,
    /// The plan that an address is charged on, where the path is public and limited.
    pub address_plan: Option<String>,
}

impl Rule {
    pub(crate) fn new(index: usize, document: RuleDocument) -> Result<Self, PolicyError> {
        let refuse = |problem| Err(PolicyError::Contradiction { index, problem });
        let public = document.auth == Auth::None;
        match (&document.plan, document.limit_by) {
            (Some(_), None) => {
                return refuse(
                    "`plan` needs `limit_by`: a caller with credentials has a plan of its own",
                );
            }
            (None, Some(LimitBy::Ip)) => return refuse("`limit_by` needs a `plan`"),
            (Some(_), Some(LimitBy::Ip)) if !public => {
                return refuse("`limit_by` is for `auth: none`");
            }
            _ => {}
        }
        if public && !document.scopes.is_empty() {
            return refuse("`scopes` cannot be asked of callers without credentials");
        }
        if document.issuers.is_some() && !matches!(document.auth, Auth::Any | Auth::Jwt) {
            return refuse("`issuers` restricts tokens, which this `auth` does not accept");
        }
        if document.issuers.as_ref().is_some_and(Vec::is_empty) {
            return refuse("`issuers` is empty: no token would be accepted");
        }
        let RuleDocument {
            r#match: route,
            auth,
            scopes,
            issuers,
            cost,
            plan: address_plan,
            ..
        } = document;
        Ok(Self {
            route,
            auth,
            scopes,
            issuers,
            cost,
            address_plan,
        })
    }
}

impl Demands for Rule {
    /// Every field is named, so that a new one is not forgotten here.
    fn demands_more_than(&self, other: &Self) -> bool {
        let Self {
            route: _,
            auth,
            scopes,
            issuers,
            cost,
            address_plan,
        } = self;
        auth.demands_more_than(other.auth)
            || scopes.iter().any(|scope| !other.scopes.contains(scope))
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
    /// A credential of one kind satisfies `any`, and none is needed for `none`.
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

    fn rule(json: &str) -> Rule {
        Rule::new(0, serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn a_rule_demands_more_by_each_of_its_fields() {
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
