//! A checked policy, and the choice of a rule for a request.

use routes::{Ambiguity, PathOptions, PathRules, RouteKey};

use crate::bearer_keys::BearerKeys;
use crate::front::Front;
use crate::introspection_server::IntrospectionServer;
use crate::issuer::{Issuer, KeyOrigin};
use crate::mtls::Mtls;
use crate::rule::Rule;
use crate::tenants::TenantPattern;
use crate::token_location::TokenLocation;
use crate::warning::{NamedPlan, PolicyWarning};

/// The reason why no rule applies to a request.
#[derive(Clone, Copy, Debug)]
pub enum NoRule<'p> {
    /// No rule matches the method and the path.
    Unmatched,
    /// A backend may read the path as another one, whose rule requires more.
    Ambiguous {
        /// The rule for the path as written.
        chosen: &'p Rule,
        /// The rule for the other path, if it is known.
        stricter: Option<&'p Rule>,
    },
}

/// A policy that passed all checks.
#[derive(Debug)]
pub struct Policy {
    /// The header that carries API keys, in lower case.
    pub key_header: String,
    /// The API keys that are sent as bearer tokens, if they are accepted.
    pub bearer_keys: Option<BearerKeys>,
    /// The place of a request in which the token is read.
    pub token: TokenLocation,
    /// The proxy that every request must come through, if there is one.
    pub front: Option<Front>,
    /// The trusted issuers, with the origin of their signing keys.
    pub issuers: Vec<(Issuer, KeyOrigin)>,
    /// The server that verifies opaque tokens.
    pub introspection: Option<IntrospectionServer>,
    /// The handling of client certificates, if they are accepted.
    pub mtls: Option<Mtls>,
    /// The matching of paths with rules, and with the routes of plans.
    pub path_matching: PathOptions,
    pub(crate) rules: PathRules<Rule>,
    pub(crate) named_plans: Vec<NamedPlan>,
    pub(crate) warnings: Vec<PolicyWarning>,
}

impl Policy {
    /// Returns the warnings, in the order of the document. They do not cover plans that do not
    /// exist: see [`Self::named_plans`].
    #[must_use]
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// Returns every plan that the policy names, with the field that names it.
    #[must_use]
    pub fn named_plans(&self) -> &[NamedPlan] {
        &self.named_plans
    }

    /// Returns all rules with their route keys, in the order of the document.
    pub fn rules(&self) -> impl Iterator<Item = (&RouteKey, &Rule)> {
        self.rules.iter()
    }

    /// Returns the names of the issuers that a verified token with this `iss` may be of. Several
    /// if tenants of different issuers overlap, and none for an issuer that the policy lacks.
    ///
    /// `is_opaque` is true for a token that the authorization server has verified.
    #[must_use]
    pub fn issuer_names(&self, iss: &str, is_opaque: bool) -> Vec<&str> {
        let server = self.introspection.as_ref().filter(|_| is_opaque);
        let opaque = server.map(|server| &server.mapping);
        let signed = self.issuers.iter().filter(|(issuer, _)| {
            let accepts = |tenants: &TenantPattern| {
                let tenant = tenants.tenant(iss);
                tenant.is_some_and(|tenant| tenants.accepts(tenant))
            };
            let is_issuer = issuer
                .tenants
                .as_ref()
                .map_or_else(|| issuer.iss() == iss, accepts);
            !is_opaque && is_issuer
        });

        let mappings = signed.map(|(issuer, _)| &issuer.mapping);
        let opaque = opaque.filter(|mapping| *mapping.issuer == *iss);
        mappings
            .chain(opaque)
            .map(|mapping| &*mapping.name)
            .collect()
    }

    /// Returns the rule for a request, or `None` if the request is refused because of its path.
    #[must_use]
    pub fn rule(&self, method: &str, path: &str) -> Option<&Rule> {
        self.choose(method, path).ok()
    }

    /// Returns the rule for a request.
    ///
    /// # Errors
    /// [`NoRule`] if the request is refused because of its path.
    pub fn choose(&self, method: &str, path: &str) -> Result<&Rule, NoRule<'_>> {
        match self.rules.choose(method, path) {
            Ok(Some(rule)) => Ok(rule),
            Ok(None) | Err(Ambiguity { chosen: None, .. }) => Err(NoRule::Unmatched),
            Err(Ambiguity {
                chosen: Some(chosen),
                stricter,
            }) => Err(NoRule::Ambiguous { chosen, stricter }),
        }
    }
}
