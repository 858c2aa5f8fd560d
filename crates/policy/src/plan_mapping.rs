//! The plan of a token, by its claims.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::claim_reference::{ClaimPath, ClaimReference};

/// The plan names by claim value. Their order in the policy has no meaning, as in any JSON object.
pub(crate) type PlanNames = BTreeMap<String, String>;

/// The mapping from the claims of a token to a plan.
#[derive(Clone, Debug)]
pub struct PlanMapping {
    /// The claim that names the plan, if tokens may choose one.
    pub claim: Option<ClaimReference>,
    /// The plans by the value of the claim, if the claim does not contain plan names itself.
    pub(crate) names: Option<PlanNames>,
    /// The plan of tokens that name none.
    pub default: Option<String>,
}

/// The plan that a claim selects.
#[derive(Debug, PartialEq, Eq)]
pub enum ClaimedPlan<'p> {
    /// The claim is missing, or has no value that is mapped to a plan.
    None,
    /// The policy maps the claim to this plan.
    Mapped(&'p str),
    /// The claim is a list, and the policy maps its items to different plans.
    Several,
    /// The claim itself contains this name, which may be any string.
    Named(&'p str),
}

impl PlanMapping {
    /// Returns the mapping of tokens that name their plan in the claim with this name.
    #[must_use]
    pub fn claimed_in(claim: &str, default: Option<&str>) -> Self {
        Self {
            claim: Some(ClaimReference::to_names(&[claim])),
            names: None,
            default: default.map(str::to_owned),
        }
    }

    /// Returns the plan that the claims select.
    ///
    /// A list selects the plan that its items are mapped to. Items that are not mapped are skipped.
    ///
    /// # Errors
    /// The path of a claim that has the wrong type.
    pub fn claimed<'p>(
        &'p self,
        claims: &'p Map<String, Value>,
    ) -> Result<ClaimedPlan<'p>, &'p ClaimPath> {
        let found = self.claim.as_ref().and_then(|claim| claim.find(claims));
        let Some((path, value)) = found else {
            return Ok(ClaimedPlan::None);
        };

        match (&self.names, value) {
            (None, Value::String(name)) => Ok(ClaimedPlan::Named(name)),
            (Some(names), Value::String(_)) => Ok(mapped(names, std::slice::from_ref(value))),
            (Some(names), Value::Array(items)) => Ok(mapped(names, items)),
            _ => Err(path),
        }
    }
}

/// Returns the plan that these values are mapped to.
fn mapped<'p>(names: &'p PlanNames, values: &[Value]) -> ClaimedPlan<'p> {
    let texts = values.iter().filter_map(Value::as_str);
    let mut plans = texts.filter_map(|text| names.get(text).map(String::as_str));

    match plans.next() {
        None => ClaimedPlan::None,
        Some(plan) if plans.all(|other| other == plan) => ClaimedPlan::Mapped(plan),
        Some(_) => ClaimedPlan::Several,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(names: Option<&str>) -> PlanMapping {
        PlanMapping {
            claim: Some(ClaimReference::to_names(&["tier"])),
            names: names.map(|names| serde_json::from_str(names).unwrap()),
            default: None,
        }
    }

    #[test]
    fn list_selects_the_plan_of_its_items() {
        let mapping = mapping(Some(r#"{"gold": "pro", "vip": "pro", "basic": "free"}"#));
        for (claim, expected) in [
            (json!("basic"), ClaimedPlan::Mapped("free")),
            (json!(["other", "gold", 7]), ClaimedPlan::Mapped("pro")),
            (json!(["vip", "gold"]), ClaimedPlan::Mapped("pro")),
            (json!(["basic", "gold"]), ClaimedPlan::Several),
            (json!(["gold", "basic"]), ClaimedPlan::Several),
            (json!("pro"), ClaimedPlan::None),
            (json!(["other"]), ClaimedPlan::None),
            (json!([]), ClaimedPlan::None),
            (json!(null), ClaimedPlan::None),
        ] {
            let claims = json!({"tier": claim});
            let found = mapping.claimed(claims.as_object().unwrap());
            assert_eq!(found, Ok(expected), "{claim}");
        }
    }

    #[test]
    fn claim_of_a_wrong_type_is_an_error_that_names_it() {
        for (names, claim) in [
            (None, json!(1)),
            (None, json!(["pro"])),
            (Some("{}"), json!(1)),
            (Some("{}"), json!({"gold": true})),
        ] {
            let (mapping, claims) = (mapping(names), json!({"tier": claim}));
            let path = mapping.claimed(claims.as_object().unwrap()).unwrap_err();
            assert_eq!(path.to_string(), "tier", "{claim}");
        }
    }

    #[test]
    fn without_names_the_claim_is_the_plan() {
        let claims = json!({"tier": "pro"});
        let mapping = mapping(None);
        assert_eq!(
            mapping.claimed(claims.as_object().unwrap()),
            Ok(ClaimedPlan::Named("pro"))
        );
    }
}
