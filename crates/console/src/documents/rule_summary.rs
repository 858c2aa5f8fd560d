//! A rule of a policy, for people.

use policy::{Auth, Policy, Rule};
use serde::Serialize;

/// A rule of the policy.
#[derive(Debug, Serialize)]
pub(super) struct RuleSummary {
    /// The position in `rules`, from 0.
    index: usize,
    #[serde(rename = "match")]
    route: String,
    auth: &'static str,
    scopes: Vec<String>,
    roles: Vec<String>,
    /// The names of the accepted issuers. Absent if all issuers are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    cost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_by: Option<&'static str>,
}

impl RuleSummary {
    /// Returns a rule of the policy.
    pub(super) fn of(policy: &Policy, rule: &Rule) -> Option<Self> {
        let mut rules = policy.rules();
        let index = rules.position(|(_, other)| std::ptr::eq(rule, other))?;
        Some(Self {
            index,
            route: rule.route.clone(),
            auth: auth_name(rule.auth),
            scopes: rule.scopes.clone(),
            roles: rule.roles.clone(),
            issuers: rule.issuers.clone(),
            plan: rule.address_plan.clone(),
            cost: rule.cost,
            limit_by: rule.address_plan.as_ref().map(|_| "ip"),
        })
    }
}

const fn auth_name(auth: Auth) -> &'static str {
    match auth {
        Auth::Any => "any",
        Auth::Jwt => "jwt",
        Auth::Mtls => "mtls",
        Auth::ApiKey => "api_key",
        Auth::None => "none",
    }
}

/// Returns the requirements of a rule as a clause.
pub(super) fn requirement(rule: &Rule) -> String {
    let credential = match (rule.auth, &rule.address_plan) {
        (Auth::Any, _) => "the request needs a valid credential of any kind".to_owned(),
        (Auth::Jwt, _) => "the request needs a bearer token".to_owned(),
        (Auth::Mtls, _) => "the request needs a client certificate".to_owned(),
        (Auth::ApiKey, _) => "the request needs an API key".to_owned(),
        (Auth::None, None) => "the route is public".to_owned(),
        (Auth::None, Some(plan)) => {
            format!("the route is public, and plan `{plan}` limits each source address")
        }
    };

    let scopes =
        (!rule.scopes.is_empty()).then(|| format!("all of the scopes {}", quoted(&rule.scopes)));
    let roles =
        (!rule.roles.is_empty()).then(|| format!("one of the roles {}", quoted(&rule.roles)));
    let issuers = rule.issuers.as_ref();
    let issuers = issuers.map(|names| format!("an issuer among {}", quoted(names)));
    let parts = [Some(credential), scopes, roles, issuers];
    parts
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", with ")
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
