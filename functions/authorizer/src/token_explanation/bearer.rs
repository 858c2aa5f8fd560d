//! Explains the user, the plan, the scopes and the roles of a token.

use outcome::Reason;
use policy::{ClaimMapping, ClaimReference};

use crate::rejection::Rejection;
use crate::token::bearer::{Bearer, TokenPlan};
use crate::token::claims::{Claims, roles, scopes};
use crate::token::refusal::TokenRefusal;
use crate::token_explanation::Checks;
use crate::token_explanation::text::{found, list};

/// Adds what the authorizer read from the claims of a token.
pub(crate) fn explain(
    checks: &mut Checks,
    bearer: &Bearer,
    mapping: &ClaimMapping,
    claims: &Claims,
) {
    checks.passed("user", found(&mapping.user, claims));
    let claim = mapping.plan.claim.as_ref();
    let source = claim.map(|claim| format!(", {}", found(claim, claims)));
    explain_plan(checks, &bearer.plan, &source.unwrap_or_default());

    let claimed = scopes(claims, &mapping.scopes);
    let text = values(&bearer.scopes, &claimed, "allowed_scopes");
    checks.passed("scopes", with_source(text, &mapping.scopes, claims));
    let claimed = roles(claims, &mapping.roles);
    let text = values(&bearer.roles, &claimed, "allowed_roles");
    checks.passed("roles", with_source(text, &mapping.roles, claims));
    explain_binding(checks, bearer);
}

/// Adds the failed check of a token without a usable user, plan or confirmation.
pub(crate) fn explain_refusal(
    checks: &mut Checks,
    refusal: TokenRefusal,
    mapping: &ClaimMapping,
    claims: &Claims,
) {
    let plan_claim = mapping.plan.claim.as_ref();
    let is_of = |claim: &ClaimReference| {
        let mut paths = claim.paths().iter();
        paths.any(|path| refusal.detail == format!("claim:{path}"))
    };

    if refusal.detail == "claim:cnf" {
        let text = "`cnf` is supported only with `x5t#S256`, the hash of a client certificate";
        checks.failed("certificate", refusal, text);
    } else if let Some(claim) = plan_claim.filter(|claim| is_of(claim) && !is_of(&mapping.user)) {
        let text = format!(
            "{}, expected a string, or a list with `plans`",
            found(claim, claims)
        );
        checks.failed("plan", refusal, text);
    } else {
        let text = format!(
            "{}, expected a string of 1 to 255 bytes",
            found(&mapping.user, claims)
        );
        checks.failed("user", refusal, email_hint(text, mapping));
    }
}

/// Adds that an e-mail address is a user only if it is verified.
fn email_hint(text: String, mapping: &ClaimMapping) -> String {
    if mapping.user.names("email") && !mapping.trusts_email {
        format!("{text}; an e-mail address also needs `email_verified` or `trust_email`")
    } else {
        text
    }
}

/// Adds the plan. A token without a plan is refused when it is charged.
fn explain_plan(checks: &mut Checks, plan: &TokenPlan, source: &str) {
    match plan {
        TokenPlan::Configured(name) | TokenPlan::Claimed(name) => {
            checks.passed("plan", format!("`{name}`{source}"));
        }
        TokenPlan::None => {
            let rejection = Rejection::forbidden(Reason::NoPlan);
            checks.failed(
                "plan",
                rejection,
                format!("no plan, and no `default_plan`{source}"),
            );
        }
        TokenPlan::NotAllowed => {
            let rejection = Rejection::forbidden(Reason::PlanNotAllowed);
            checks.failed(
                "plan",
                rejection,
                format!("not among `allowed_plans`{source}"),
            );
        }
        TokenPlan::Several => {
            let rejection = Rejection::forbidden(Reason::NoPlan);
            checks.failed(
                "plan",
                rejection,
                format!("`plans` map the values to different plans{source}"),
            );
        }
    }
}

fn explain_binding(checks: &mut Checks, bearer: &Bearer) {
    if bearer.certificate.is_some() {
        let text = "the token is accepted only together with the client certificate in `cnf`";
        checks.passed("certificate", text);
    }
}

/// Returns the values that count, and those that the policy does not allow.
fn values(counted: &[String], claimed: &[&str], field: &str) -> String {
    let is_dropped = |value: &&&str| !counted.iter().any(|counted| counted == **value);
    let dropped: Vec<_> = claimed.iter().filter(is_dropped).collect();
    if dropped.is_empty() {
        list(counted)
    } else {
        format!("{}; dropped by `{field}`: {}", list(counted), list(dropped))
    }
}

/// Adds the claim that contains the values, or the names of the missing claims.
fn with_source(text: String, reference: &ClaimReference, claims: &Claims) -> String {
    match reference.find(claims) {
        Some((path, _)) => format!("{text}, from `{}`", path.reference()),
        None => format!("{text}, {}", found(reference, claims)),
    }
}
