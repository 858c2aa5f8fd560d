//! The plan of a token, by its claims.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::claim_reference::{ClaimPath, ClaimReference};

/// The plan names by claim value, in the order of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlanNames(pub(crate) Vec<(String, String)>);

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
    /// A list selects the first plan in the order of the policy that one of its items is mapped to.
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
            (Some(names), Value::String(_)) => Ok(names.first_for(std::slice::from_ref(value))),
            (Some(names), Value::Array(items)) => Ok(names.first_for(items)),
            _ => Err(path),
        }
    }
}

impl PlanNames {
    /// Returns the plan of the first entry whose value is among `values`.
    fn first_for(&self, values: &[Value]) -> ClaimedPlan<'_> {
        self.0
            .iter()
            .find(|(claimed, _)| values.iter().any(|value| value == claimed.as_str()))
            .map_or(ClaimedPlan::None, |(_, plan)| ClaimedPlan::Mapped(plan))
    }
}

impl<'de> Deserialize<'de> for PlanNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PlanNamesVisitor)
    }
}

struct PlanNamesVisitor;

impl<'de> Visitor<'de> for PlanNamesVisitor {
    type Value = PlanNames;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of plan names by claim value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(entry) = map.next_entry()? {
            names.push(entry);
        }
        Ok(PlanNames(names))
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
    fn list_selects_the_first_plan_in_the_order_of_the_policy() {
        let mapping = mapping(Some(r#"{"gold": "pro", "basic": "free", "alpha": "beta"}"#));
        for (claim, expected) in [
            (json!("basic"), ClaimedPlan::Mapped("free")),
            (json!(["basic", "gold"]), ClaimedPlan::Mapped("pro")),
            (json!(["alpha", 7, "basic"]), ClaimedPlan::Mapped("free")),
            (json!("pro"), ClaimedPlan::None),
            (json!(["other"]), ClaimedPlan::None),
            (json!([]), ClaimedPlan::None),
            (json!(null), ClaimedPlan::None),
        ] {
            let claims = json!({"tier": claim});
            assert_eq!(
                mapping.claimed(claims.as_object().unwrap()),
                Ok(expected),
                "{claim}"
            );
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
