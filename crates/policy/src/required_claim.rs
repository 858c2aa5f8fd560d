//! Claims that tokens of an issuer must have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::claim_reference::ClaimPath;
use crate::error::FieldProblem;

/// The claims that are always checked, and cannot be in `required_claims`.
const CHECKED_CLAIMS: [&str; 5] = ["iss", "exp", "nbf", "iat", "cnf"];

/// A claim that a token must have, and the values that are accepted.
#[derive(Debug)]
pub struct RequiredClaim {
    /// The path to the claim.
    pub path: ClaimPath,
    /// The accepted values: strings, numbers and booleans.
    accepted: Vec<Value>,
}

impl RequiredClaim {
    /// Returns the accepted values.
    #[must_use]
    pub fn accepted(&self) -> &[Value] {
        &self.accepted
    }

    /// True if the claim is one of the accepted values, or is a list that contains one.
    #[must_use]
    pub fn is_met(&self, claims: &Map<String, Value>) -> bool {
        match self.path.find(claims) {
            Some(Value::Array(items)) => items.iter().any(|item| self.accepted.contains(item)),
            Some(value) => self.accepted.contains(value),
            None => false,
        }
    }
}

/// Checks `required_claims`: values, or lists of values, by claim names or JSON Pointers.
///
/// # Errors
/// The invalid field and the problem.
pub(crate) fn required_claims(
    document: BTreeMap<String, Value>,
) -> Result<Vec<RequiredClaim>, FieldProblem> {
    let refuse = |problem| ("required_claims", problem);
    let mut required = Vec::with_capacity(document.len());

    for (name, value) in document {
        let path = ClaimPath::parse(&name).map_err(refuse)?;
        if CHECKED_CLAIMS.iter().any(|checked| path.is(checked)) {
            return Err(refuse(format!("`{name}` is always checked")));
        }

        let accepted = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        let is_scalar =
            |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        if accepted.is_empty() || !accepted.iter().all(is_scalar) {
            return Err(refuse(format!(
                "`{name}` must be a string, a number, a boolean, or a list of these"
            )));
        }
        required.push(RequiredClaim { path, accepted });
    }
    Ok(required)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_met(required: Value, claims: Value) -> bool {
        let required = required_claims(serde_json::from_value(required.clone()).unwrap()).unwrap();
        let claims = claims.as_object().unwrap();
        required.iter().all(|claim| claim.is_met(claims))
    }

    #[test]
    fn claim_must_be_or_contain_an_accepted_value() {
        for (required, claims, expected) in [
            (json!({"use": "access"}), json!({"use": "access"}), true),
            (json!({"use": "access"}), json!({"use": "id"}), false),
            (json!({"use": "access"}), json!({}), false),
            (
                json!({"use": ["access", "m2m"]}),
                json!({"use": "m2m"}),
                true,
            ),
            (json!({"amr": "mfa"}), json!({"amr": ["pwd", "mfa"]}), true),
            (json!({"amr": "mfa"}), json!({"amr": ["pwd"]}), false),
            (json!({"amr": "mfa"}), json!({"amr": []}), false),
            (json!({"amr": "mfa"}), json!({"amr": [["mfa"]]}), false),
            (json!({"amr": "mfa"}), json!({"amr": {"mfa": true}}), false),
            (
                json!({"/realm/roles": ["a", "b"]}),
                json!({"realm": {"roles": ["x", "b"]}}),
                true,
            ),
            (
                json!({"/realm/roles": ["a", "b"]}),
                json!({"realm": {"roles": "ab"}}),
                false,
            ),
            (
                json!({"v": 2, "ok": true}),
                json!({"v": 2, "ok": true}),
                true,
            ),
            (
                json!({"v": 2, "ok": true}),
                json!({"v": "2", "ok": true}),
                false,
            ),
            (
                json!({"v": 2, "ok": true}),
                json!({"v": 2, "ok": null}),
                false,
            ),
        ] {
            assert_eq!(
                is_met(required.clone(), claims.clone()),
                expected,
                "{required} {claims}"
            );
        }
    }

    #[test]
    fn invalid_requirements_are_explained() {
        for (required, expected) in [
            (json!({"iss": "x"}), "`iss` is always checked"),
            (json!({"/exp": 1}), "`/exp` is always checked"),
            (json!({"x": []}), "`x` must be a string"),
            (json!({"x": null}), "`x` must be a string"),
            (json!({"x": [null]}), "`x` must be a string"),
            (json!({"x": {"y": 1}}), "`x` must be a string"),
            (json!({"x": [["y"]]}), "`x` must be a string"),
            (json!({"": "y"}), "`` is neither"),
        ] {
            let (field, problem) =
                required_claims(serde_json::from_value(required.clone()).unwrap()).unwrap_err();
            assert_eq!(field, "required_claims");
            assert!(problem.starts_with(expected), "{required}: {problem}");
        }
    }
}
