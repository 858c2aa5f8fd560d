//! The mapping from the claims of an issuer to a caller.

use std::sync::Arc;

use crate::assertions::Assertions;
use crate::claim_reference::{ClaimReference, ClaimReferenceDocument};
use crate::error::FieldProblem;
use crate::plan_mapping::{PlanMapping, PlanNames};

/// The mapping from the claims of one issuer to a caller.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The issuer's name in the policy, by which rules refer to it.
    pub name: Arc<str>,
    /// The issuer itself, or its pattern with `{tenantid}`. Subjects are unique only within the
    /// `iss` of a token.
    pub issuer: Arc<str>,
    /// The claim that becomes the `user_id`.
    pub user: ClaimReference,
    /// The claim that contains the scopes.
    pub scopes: ClaimReference,
    /// The claim that contains the roles.
    pub roles: ClaimReference,
    /// The plan of the tokens.
    pub plan: PlanMapping,
    /// True if an email address counts even if the token does not say that it was verified.
    pub trusts_email: bool,
    /// The limits on what the issuer may assert.
    pub assertions: Assertions,
}

/// The fields of a document that define a mapping.
#[derive(Debug, Default)]
pub(crate) struct ClaimFields {
    pub(crate) user_claim: Option<ClaimReferenceDocument>,
    pub(crate) scopes_claim: Option<ClaimReferenceDocument>,
    pub(crate) roles_claim: Option<ClaimReferenceDocument>,
    pub(crate) plan_claim: Option<ClaimReferenceDocument>,
    pub(crate) plans: Option<PlanNames>,
    pub(crate) default_plan: Option<String>,
    pub(crate) trust_email: bool,
    pub(crate) assertions: Assertions,
}

impl ClaimFields {
    /// Checks the fields of the issuer with this name.
    ///
    /// # Errors
    /// The invalid field and the problem.
    pub(crate) fn check(
        self,
        issuer: Arc<str>,
        name: Arc<str>,
    ) -> Result<ClaimMapping, FieldProblem> {
        let user = reference("user_claim", self.user_claim.as_ref(), &["sub"])?;
        let scopes = reference(
            "scopes_claim",
            self.scopes_claim.as_ref(),
            &["scope", "scp"],
        )?;
        let roles = reference("roles_claim", self.roles_claim.as_ref(), &["roles"])?;

        let plan = PlanMapping {
            claim: optional_reference("plan_claim", self.plan_claim.as_ref())?,
            names: self.plans,
            default: self.default_plan,
        };
        check_plans(&plan, &self.assertions)?;
        self.assertions.check(plan.default.as_deref())?;

        Ok(ClaimMapping {
            name,
            issuer,
            user,
            scopes,
            roles,
            plan,
            trusts_email: self.trust_email,
            assertions: self.assertions,
        })
    }
}

/// Returns the reference in a field, or that to the default names.
fn reference(
    field: &'static str,
    document: Option<&ClaimReferenceDocument>,
    default: &[&str],
) -> Result<ClaimReference, FieldProblem> {
    let reference = optional_reference(field, document)?;
    Ok(reference.unwrap_or_else(|| ClaimReference::to_names(default)))
}

fn optional_reference(
    field: &'static str,
    document: Option<&ClaimReferenceDocument>,
) -> Result<Option<ClaimReference>, FieldProblem> {
    document
        .map(ClaimReferenceDocument::check)
        .transpose()
        .map_err(|problem| (field, problem))
}

fn check_plans(plan: &PlanMapping, assertions: &Assertions) -> Result<(), FieldProblem> {
    if plan.claim.is_none() && plan.default.is_none() {
        return Err((
            "default_plan",
            "is missing, and so is `plan_claim`: no token would have a plan".to_owned(),
        ));
    }
    let Some(names) = &plan.names else {
        return Ok(());
    };

    if plan.claim.is_none() {
        return Err((
            "plans",
            "needs `plan_claim`, whose values it maps".to_owned(),
        ));
    }
    if names.is_empty() || names.values().any(String::is_empty) {
        return Err((
            "plans",
            "must not be empty or contain empty plan names".to_owned(),
        ));
    }
    match names.values().find(|plan| !assertions.allows_plan(plan)) {
        Some(plan) => Err(("plans", format!("`{plan}` is missing in `allowed_plans`"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(fields: ClaimFields) -> Result<ClaimMapping, FieldProblem> {
        fields.check("https://a".into(), "a".into())
    }

    fn plans(names: &[(&str, &str)]) -> ClaimFields {
        let names = names
            .iter()
            .map(|(claimed, plan)| ((*claimed).to_owned(), (*plan).to_owned()));
        ClaimFields {
            plan_claim: Some(ClaimReferenceDocument::One("tier".to_owned())),
            plans: Some(names.collect()),
            ..ClaimFields::default()
        }
    }

    #[test]
    fn plans_need_a_claim_and_allowed_names() {
        assert!(checked(plans(&[("gold", "pro")])).is_ok());
        assert_eq!(checked(plans(&[])).unwrap_err().0, "plans");
        assert_eq!(checked(plans(&[("gold", "")])).unwrap_err().0, "plans");

        let without_claim = ClaimFields {
            plan_claim: None,
            default_plan: Some("free".to_owned()),
            ..plans(&[("gold", "pro")])
        };
        assert_eq!(
            checked(without_claim).unwrap_err(),
            (
                "plans",
                "needs `plan_claim`, whose values it maps".to_owned()
            )
        );

        let not_allowed = ClaimFields {
            assertions: Assertions {
                plans: Some(vec!["free".to_owned()]),
                ..Assertions::default()
            },
            ..plans(&[("gold", "pro")])
        };
        assert_eq!(
            checked(not_allowed).unwrap_err(),
            ("plans", "`pro` is missing in `allowed_plans`".to_owned())
        );
    }

    #[test]
    fn invalid_reference_is_reported_with_its_field() {
        let fields = ClaimFields {
            roles_claim: Some(ClaimReferenceDocument::One("/".to_owned())),
            default_plan: Some("free".to_owned()),
            ..ClaimFields::default()
        };
        assert_eq!(checked(fields).unwrap_err().0, "roles_claim");
    }
}
