//! A policy as it is written in JSON. An unknown field is an error.

use serde::Deserialize;

use crate::error::PolicyError;
use crate::introspection_document::IntrospectionDocument;
use crate::issuer_document::IssuerDocument;
use crate::mtls::Mtls;
use crate::path_document::PathsDocument;
use crate::rules::RuleDocument;
use crate::warning::NamedPlan;

/// Whom the authorizer trusts, and which credentials each route requires.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Policy))]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// By how much clocks may differ, in seconds, up to 300. The default is 30.
    #[serde(default = "default_tolerance")]
    #[cfg_attr(feature = "schema", schema(maximum = 300))]
    pub(crate) clock_tolerance_s: u16,
    /// The issuers whose tokens are trusted.
    #[serde(default)]
    pub(crate) issuers: Vec<IssuerDocument>,
    /// The server that is asked about opaque tokens.
    pub(crate) introspection: Option<IntrospectionDocument>,
    /// How client certificates are accepted. Without it, they are no credentials.
    pub(crate) mtls: Option<Mtls>,
    /// Where API keys are.
    #[serde(default)]
    pub(crate) api_keys: ApiKeysDocument,
    /// How paths are matched with rules, and with the routes of plans.
    #[serde(default)]
    pub(crate) paths: PathsDocument,
    /// What each route requires. The most specific rule that matches a request decides.
    pub(crate) rules: Vec<RuleDocument>,
}

/// How requests carry API keys.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ApiKeys))]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeysDocument {
    /// The header that carries an API key. It has to be the header that this stack's gateway
    /// removes before the backend (parameter `KeyHeader`), which is also the default.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    pub(crate) header: Option<String>,
}

impl PolicyDocument {
    /// Refuses private keys in inline key sets.
    pub(crate) fn check_public_keys(&self) -> Result<(), PolicyError> {
        for (index, issuer) in self.issuers.iter().enumerate() {
            issuer
                .check_public_keys()
                .map_err(|(member, problem)| PolicyError::Issuer {
                    index,
                    member,
                    problem,
                })?;
        }
        Ok(())
    }

    /// Every plan that the policy names, with the field that names it.
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
