//! A policy as a JSON document. Unknown fields are errors.

use serde::Deserialize;

use crate::error::PolicyError;
use crate::introspection_document::IntrospectionDocument;
use crate::issuer_document::IssuerDocument;
use crate::mtls::Mtls;
use crate::paths_document::PathsDocument;
use crate::rule_document::RuleDocument;
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
        let mut named = Vec::new();
        let mut add = |place: String, plan: Option<&str>| {
            named.extend(plan.map(|plan| NamedPlan {
                place,
                plan: plan.to_owned(),
            }));
        };

        for (index, issuer) in self.issuers.iter().enumerate() {
            add(
                format!("issuers[{index}].default_plan"),
                issuer.default_plan(),
            );
            for (position, plan) in issuer.allowed_plans().iter().enumerate() {
                add(
                    format!("issuers[{index}].allowed_plans[{position}]"),
                    Some(plan),
                );
            }
        }
        if let Some(introspection) = &self.introspection {
            add(
                "introspection.default_plan".to_owned(),
                introspection.default_plan(),
            );
            for (position, plan) in introspection.allowed_plans().iter().enumerate() {
                add(
                    format!("introspection.allowed_plans[{position}]"),
                    Some(plan),
                );
            }
        }
        add(
            "mtls.default_plan".to_owned(),
            self.mtls.as_ref().map(|mtls| mtls.default_plan.as_str()),
        );
        for (index, rule) in self.rules.iter().enumerate() {
            add(format!("rules[{index}].plan"), rule.plan.as_deref());
        }
        named
    }
}

fn default_tolerance() -> u16 {
    30
}
