//! The issuers of a policy, and the names by which rules refer to them.

use std::sync::Arc;

use crate::claim_mapping::ClaimMapping;
use crate::error::{FieldProblem, PolicyError};
use crate::header_value::access_log_value;
use crate::introspection_server::IntrospectionServer;
use crate::issuer::{Issuer, KeyOrigin};
use crate::warning::PolicyWarning;

/// Returns an issuer and its name. Without a name in the policy, that is the issuer itself.
///
/// # Errors
/// The invalid field and the problem.
pub(crate) fn issuer_and_name(
    issuer: String,
    name: Option<String>,
) -> Result<(Arc<str>, Arc<str>), FieldProblem> {
    if issuer.is_empty() {
        return Err(("issuer", "is empty".to_owned()));
    }
    if access_log_value(&issuer).is_empty() {
        return Err(("issuer", "is too long for a header".to_owned()));
    }
    if name.as_ref().is_some_and(String::is_empty) {
        return Err(("name", "is empty".to_owned()));
    }

    let issuer: Arc<str> = issuer.into();
    let name = name.map_or_else(|| Arc::clone(&issuer), Arc::from);
    Ok((issuer, name))
}

/// Every issuer whose tokens a policy accepts, including introspection.
pub(crate) struct IssuerNames<'p>(Vec<&'p ClaimMapping>);

impl<'p> IssuerNames<'p> {
    /// Collects the names. Introspection may have the name of an entry in `issuers` if both are the
    /// same issuer, whose tokens are then accepted in either form.
    ///
    /// # Errors
    /// [`PolicyError`] for a name that another issuer has, or that is another issuer.
    pub(crate) fn new(
        issuers: &'p [(Issuer, KeyOrigin)],
        introspection: Option<&'p IntrospectionServer>,
    ) -> Result<Self, PolicyError> {
        let mut names = Self(Vec::with_capacity(issuers.len() + 1));
        for (index, (issuer, _)) in issuers.iter().enumerate() {
            let refuse = |problem| PolicyError::Issuer {
                index,
                field: "name",
                problem,
            };
            names.add(&issuer.mapping).map_err(refuse)?;
        }

        if let Some(server) = introspection {
            let refuse = |problem| PolicyError::Introspection {
                field: "name",
                problem,
            };
            names.add(&server.mapping).map_err(refuse)?;
        }
        Ok(names)
    }

    fn add(&mut self, added: &'p ClaimMapping) -> Result<(), String> {
        for other in self.0.iter().filter(|other| other.issuer != added.issuer) {
            if other.name == added.name {
                return Err(format!("`{}` is the name of another issuer", added.name));
            }
            if other.issuer == added.name {
                return Err(format!("`{}` is another issuer", added.name));
            }
            if other.name == added.issuer {
                return Err(format!(
                    "the issuer `{}` is the name of another one",
                    added.issuer
                ));
            }
        }
        self.0.push(added);
        Ok(())
    }

    /// Checks the issuers that a rule accepts.
    ///
    /// # Errors
    /// [`PolicyError`] for a name that no issuer has.
    pub(crate) fn check_rule(&self, index: usize, accepted: &[String]) -> Result<(), PolicyError> {
        let is_known = |name: &String| self.0.iter().any(|issuer| *issuer.name == **name);
        let unknown = accepted
            .iter()
            .enumerate()
            .find(|(_, name)| !is_known(name));

        match unknown {
            Some((position, name)) => Err(PolicyError::RuleIssuer {
                index,
                position,
                problem: self.unknown_issuer(name),
            }),
            None => Ok(()),
        }
    }

    fn unknown_issuer(&self, name: &str) -> String {
        let known: Vec<_> = self
            .0
            .iter()
            .map(|issuer| format!("`{}`", issuer.name))
            .collect();

        if known.is_empty() {
            format!("unknown issuer `{name}`: the policy has neither `issuers` nor `introspection`")
        } else {
            let known = known.join(", ");
            format!("unknown issuer `{name}`, expected one of {known}")
        }
    }

    /// Returns a warning if at least two issuers may assert anything and no rule restricts issuers.
    pub(crate) fn warning(&self, rules_name_issuers: bool) -> Option<PolicyWarning> {
        let unlimited = self.unlimited();
        if unlimited.len() < 2 || rules_name_issuers {
            return None;
        }

        let names: Vec<_> = unlimited
            .into_iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let message = format!(
            "each of the issuers {} can assert any scope, role and plan on every route; limit them by \
             `rules[].issuers`, or by `allowed_scopes`, `allowed_roles` and `allowed_plans`",
            names.join(", ")
        );
        Some(PolicyWarning::new("issuers", message))
    }

    /// Returns the names of the issuers that may assert anything, each issuer once.
    fn unlimited(&self) -> Vec<&str> {
        let mut unlimited: Vec<&ClaimMapping> = Vec::new();
        for &issuer in &self.0 {
            let is_new = unlimited.iter().all(|other| other.issuer != issuer.issuer);
            if is_new && !issuer.assertions.is_limited() {
                unlimited.push(issuer);
            }
        }
        unlimited.into_iter().map(|issuer| &*issuer.name).collect()
    }
}
