//! A policy as a JSON document. Unknown fields are errors.

use serde::Deserialize;

use crate::error::PolicyError;
use crate::front::FrontDocument;
use crate::introspection_document::IntrospectionDocument;
use crate::issuer_document::IssuerDocument;
use crate::mtls::Mtls;
use crate::paths_document::PathsDocument;
use crate::rule_document::RuleDocument;
use crate::token_document::TokenDocument;
use crate::warning::NamedPlan;

/// The trusted issuers, and the credentials that each route requires.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Policy))]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// The clock tolerance in seconds, up to 300. The default is 30.
    #[serde(default = "default_tolerance")]
    #[cfg_attr(feature = "schema", schema(maximum = 300))]
    pub(crate) clock_tolerance_s: u16,
    /// The place of a request in which the token is read.
    #[serde(default)]
    pub(crate) token: TokenDocument,
    /// The proxy that every request must come through, such as CloudFront. Other requests are refused
    /// with 403.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = FrontDocument, required = false))]
    pub(crate) front: Option<FrontDocument>,
    /// The issuers whose tokens are trusted.
    #[serde(default)]
    pub(crate) issuers: Vec<IssuerDocument>,
    /// The server that verifies opaque tokens.
    pub(crate) introspection: Option<IntrospectionDocument>,
    /// The handling of client certificates. Without it, certificates are not accepted as
    /// credentials.
    pub(crate) mtls: Option<Mtls>,
    /// The handling of API keys.
    #[serde(default)]
    pub(crate) api_keys: ApiKeysDocument,
    /// The matching of paths with rules, and with the routes of plans.
    #[serde(default)]
    pub(crate) paths: PathsDocument,
    /// The requirements of each route. The most specific rule that matches a request applies.
    pub(crate) rules: Vec<RuleDocument>,
}

/// The handling of API keys.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ApiKeys))]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeysDocument {
    /// The header that carries an API key. It must be the header that the gateway removes before
    /// the backend (parameter `KeyHeader`), which is also the default.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) header: Option<String>,
    /// True if `Authorization: Bearer KEY` also is an API key, unless the request has the header of
    /// keys. HTTP APIs cannot remove `Authorization`, so the backend sees such keys. The default is
    /// false.
    #[serde(default)]
    pub(crate) bearer: bool,
}

impl PolicyDocument {
    /// Checks that inline key sets contain no private keys.
    pub(crate) fn check_public_keys(&self) -> Result<(), PolicyError> {
        for (index, issuer) in self.issuers.iter().enumerate() {
            issuer
                .check_public_keys()
                .map_err(|(field, problem)| PolicyError::Issuer {
                    index,
                    field,
                    problem,
                })?;
        }
        Ok(())
    }

    /// Returns every plan that the policy names, with the field that names it.
    pub(crate) fn named_plans(&self) -> Vec<NamedPlan> {
        let mut plans = Vec::new();

        for (index, issuer) in self.issuers.iter().enumerate() {
            let place = format!("issuers[{index}]");
            let (default, allowed) = (issuer.default_plan(), issuer.allowed_plans());
            plans.extend(plans_of_issuer(&place, default, allowed));
            let mapped = issuer.mapped_plans();
            plans.extend(mapped.map(|plan| NamedPlan::new(format!("{place}.plans"), plan)));
        }
        if let Some(server) = &self.introspection {
            let (default, allowed) = (server.default_plan(), server.allowed_plans());
            plans.extend(plans_of_issuer("introspection", default, allowed));
            let mapped = server.mapped_plans();
            plans.extend(mapped.map(|plan| NamedPlan::new("introspection.plans", plan)));
        }
        if let Some(mtls) = &self.mtls {
            plans.push(NamedPlan::new("mtls.default_plan", &mtls.default_plan));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let plan = rule.plan.as_deref();
            plans.extend(plan.map(|plan| NamedPlan::new(format!("rules[{index}].plan"), plan)));
        }
        plans
    }
}

/// Returns the plans that the issuer at `place` names.
fn plans_of_issuer(place: &str, default: Option<&str>, allowed: &[String]) -> Vec<NamedPlan> {
    let default = default.map(|plan| NamedPlan::new(format!("{place}.default_plan"), plan));
    let allowed = allowed
        .iter()
        .enumerate()
        .map(|(position, plan)| NamedPlan::new(format!("{place}.allowed_plans[{position}]"), plan));
    default.into_iter().chain(allowed).collect()
}

fn default_tolerance() -> u16 {
    30
}
