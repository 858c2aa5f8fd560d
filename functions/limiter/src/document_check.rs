//! Checks plans and policies as the API does before it stores them. Nothing is stored.
//!
//! The console checks a document while an operator writes it. A document without errors here is
//! accepted by the API.

use std::collections::BTreeSet;

use jiff::Timestamp;
use limits::PlanDocument;
use policy::{KeyHeader, Policy};
use serde_json::Value;
use telemetry::Excerpt;

use crate::policies::{check, warning};
use crate::problem::{Mistake, Problem};
use crate::request::document;

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentCheck {
    /// The mistakes. Empty if the document is valid.
    pub errors: Vec<DocumentMistake>,
    /// Settings that are valid but probably not intended.
    pub warnings: Vec<DocumentMistake>,
}

/// A mistake in a document, or a warning about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentMistake {
    /// The JSON pointer (RFC 6901) of the field. It is empty for the whole document.
    pub pointer: String,
    /// A sentence that names the mistake and what was expected.
    pub detail: String,
}

/// The settings of an authorizer that decide whether it can load a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyTarget {
    /// The only header that the policy may name for API keys.
    pub key_header: KeyHeader,
    /// True for an authorizer in Lambda, which does not trust issuers at loopback addresses.
    pub is_deployed: bool,
}

/// Checks a plan.
///
/// ```
/// let plan = serde_json::json!({"throttle": {"rate": -1, "burst": 5}});
/// let check = limiter::document_check::plan(plan);
/// assert_eq!(check.errors[0].pointer, "/throttle/rate");
/// ```
#[must_use]
pub fn plan(document: Value) -> DocumentCheck {
    match document::check::<PlanDocument>(document, Timestamp::now()) {
        Ok(plan) => {
            let warnings = plan.warnings().into_iter();
            let warnings = warnings.map(|warning| Mistake::at(warning.pointer, warning.message));
            DocumentCheck {
                errors: Vec::new(),
                warnings: warnings.map(DocumentMistake::from).collect(),
            }
        }
        Err(problem) => problem.into(),
    }
}

/// Checks a policy, and returns it if it is valid. `plans` are the plans that exist, if they are
/// known. A plan that does not exist is a warning.
///
/// # Errors
/// [`DocumentCheck`] with the mistakes.
pub fn policy(
    document: &Value,
    target: &PolicyTarget,
    plans: Option<&BTreeSet<String>>,
) -> Result<(Policy, DocumentCheck), DocumentCheck> {
    // A function of any name is in Lambda.
    let function = target.is_deployed.then_some("authorizer");
    let policy = check::policy_of(document, &target.key_header, function)?;

    let own = policy.warnings().iter().map(warning);
    let named = policy.named_plans().iter();
    let unknown = named
        .filter(|named| plans.is_some_and(|plans| !plans.contains(&named.plan)))
        .map(|named| warning(&named.unknown()));
    let check = DocumentCheck {
        errors: Vec::new(),
        warnings: own.chain(unknown).map(DocumentMistake::from).collect(),
    };
    Ok((policy, check))
}

impl From<Problem> for DocumentCheck {
    fn from(problem: Problem) -> Self {
        let errors = problem.into_errors().into_iter();
        Self {
            errors: errors.map(DocumentMistake::from).collect(),
            warnings: Vec::new(),
        }
    }
}

impl From<Mistake> for DocumentMistake {
    fn from(mistake: Mistake) -> Self {
        Self {
            pointer: mistake.pointer.unwrap_or_default(),
            // As in responses of the API, so that no document makes its own check large.
            detail: Excerpt(&mistake.detail).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_mistake_of_a_plan_is_found() {
        let check = plan(json!({"throttle": {"rate": "x", "burst": -5}, "quota": 1}));
        let pointers: BTreeSet<_> = check.errors.iter().map(|it| &*it.pointer).collect();
        let expected = ["/quota", "/throttle/burst", "/throttle/rate"];
        assert_eq!(pointers, BTreeSet::from(expected));
    }

    #[test]
    fn valid_plan_can_have_warnings() {
        let check = plan(json!({"throttle": {"rate": 100, "burst": 1}}));
        assert_eq!(check.errors, []);
        assert_eq!(check.warnings.len(), 1, "{check:?}");
    }

    #[test]
    fn unknown_plans_of_a_policy_are_warnings_if_plans_are_known() {
        let document = json!({"rules": [{"match": "GET /", "auth": "none", "limit_by": "ip", "plan": "free"}]});
        let warnings = |plans: Option<BTreeSet<String>>| {
            let target = PolicyTarget::default();
            let (_, check) = super::policy(&document, &target, plans.as_ref()).unwrap();
            check.warnings
        };

        let known = BTreeSet::from(["free".to_owned()]);
        assert_eq!(warnings(Some(known)), warnings(None));
        let unknown = warnings(Some(BTreeSet::new()));
        let unknown = unknown.iter().find(|it| it.pointer == "/rules/0/plan");
        assert!(unknown.is_some_and(|it| it.detail.contains("does not exist")));
    }

    #[test]
    fn deployed_authorizer_trusts_no_issuer_at_a_loopback_address() {
        let document = json!({"issuers": [{"issuer": "http://127.0.0.1:9999", "audiences": ["a"],
            "default_plan": "free"}], "rules": []});
        for (is_deployed, expected) in [(false, 0), (true, 1)] {
            let target = PolicyTarget {
                is_deployed,
                ..PolicyTarget::default()
            };
            let errors = super::policy(&document, &target, None).err();
            let errors = errors.map_or(0, |check| check.errors.len());
            assert_eq!(errors, expected, "{is_deployed}");
        }
    }
}
