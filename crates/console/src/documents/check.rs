//! Checks plans and policies as the admin API does.

use std::collections::BTreeSet;

use limiter::document_check::{self, DocumentCheck, PolicyTarget};
use policy::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mistake::LocatedMistake;
use super::text;
use crate::backend::Backend;

/// A request to check a document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest {
    /// The document as JSON.
    text: String,
    /// The names of all plans, if the page knows them. A policy that names another plan gets a warning.
    #[serde(default)]
    plans: Option<BTreeSet<String>>,
}

/// The result of a check.
#[derive(Debug, Serialize)]
pub(crate) struct CheckResponse {
    valid: bool,
    errors: Vec<LocatedMistake>,
    warnings: Vec<LocatedMistake>,
}

/// Checks a plan.
pub(crate) fn check_plan(request: &CheckRequest) -> CheckResponse {
    match text::parse(&request.text) {
        Ok(document) => CheckResponse::new(&request.text, document_check::plan(document)),
        Err(mistake) => CheckResponse::unreadable(mistake),
    }
}

/// Checks a policy.
pub(crate) fn check_policy(backend: &Backend, request: &CheckRequest) -> CheckResponse {
    let document = match text::parse(&request.text) {
        Ok(document) => document,
        Err(mistake) => return CheckResponse::unreadable(mistake),
    };
    let target = policy_target(backend, &document);
    let (Ok((_, check)) | Err(check)) =
        document_check::policy(&document, &target, request.plans.as_ref());
    CheckResponse::new(&request.text, check)
}

/// Reads a policy for an explanation.
///
/// # Errors
/// The mistakes in the policy.
pub(super) fn valid_policy(
    backend: &Backend,
    text: &str,
) -> Result<(Policy, Value), Vec<LocatedMistake>> {
    let document = text::parse(text).map_err(|mistake| vec![mistake])?;
    let target = policy_target(backend, &document);
    match document_check::policy(&document, &target, None) {
        Ok((policy, _)) => Ok((policy, document)),
        Err(check) => Err(LocatedMistake::locate(text, check.errors)),
    }
}

/// Returns the settings of the target's authorizer. If its header of keys is unknown, the header that
/// the policy names is accepted.
fn policy_target(backend: &Backend, document: &Value) -> PolicyTarget {
    let named = document.pointer("/api_keys/header").and_then(Value::as_str);
    let named = named.and_then(|name| name.parse().ok());
    PolicyTarget {
        key_header: backend.key_header().or(named).unwrap_or_default(),
        is_deployed: matches!(backend, Backend::Deployed(_)),
    }
}

impl CheckResponse {
    fn new(text: &str, check: DocumentCheck) -> Self {
        Self {
            valid: check.errors.is_empty(),
            errors: LocatedMistake::locate(text, check.errors),
            warnings: LocatedMistake::locate(text, check.warnings),
        }
    }

    fn unreadable(mistake: LocatedMistake) -> Self {
        Self {
            valid: false,
            errors: vec![mistake],
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(text: &str) -> Value {
        let request = serde_json::from_value(json!({ "text": text })).unwrap();
        serde_json::to_value(check_plan(&request)).unwrap()
    }

    fn policy(text: &str, plans: &Value) -> Value {
        let request = json!({ "text": text, "plans": plans });
        let request = serde_json::from_value(request).unwrap();
        let backend = Backend::local(&crate::Local::new("0.0.0"));
        serde_json::to_value(check_policy(&backend, &request)).unwrap()
    }

    #[test]
    fn every_mistake_of_a_plan_has_its_position() {
        let result = plan("{\n  \"throttle\": {\"rate\": -1, \"burst\": 5},\n  \"quotaz\": []\n}");
        assert_eq!(result["valid"], false);
        let found: Vec<_> = result["errors"].as_array().unwrap().iter().collect();
        assert_eq!(found.len(), 2, "{result}");
        assert_eq!(found[0]["pointer"], "/throttle/rate");
        assert_eq!(
            (&found[0]["line"], &found[0]["column"]),
            (&json!(2), &json!(24))
        );
        assert_eq!(found[1]["pointer"], "/quotaz");
        assert_eq!(found[1]["line"], 3);
        let detail = found[1]["detail"].as_str().unwrap();
        assert!(
            detail.contains("unknown field") && detail.contains("`quotas`"),
            "{detail}"
        );
    }

    #[test]
    fn valid_plan_has_no_errors_and_its_warnings() {
        let result = plan(r#"{"throttle": {"rate": 100, "burst": 1}}"#);
        assert_eq!(
            (&result["valid"], &result["errors"]),
            (&json!(true), &json!([]))
        );
        assert_eq!(result["warnings"].as_array().unwrap().len(), 1, "{result}");
    }

    #[test]
    fn text_that_is_not_json_is_invalid() {
        for text in ["", "throttle: {}", "{\"throttle\": }", "[]", "7"] {
            let result = plan(text);
            assert_eq!(result["valid"], false, "{text}");
            assert_eq!(result["errors"].as_array().unwrap().len(), 1, "{result}");
        }
    }

    #[test]
    fn mistakes_and_unknown_plans_of_a_policy_are_reported() {
        let text = r#"{"rules": [{"match": "GET /", "auth": "apikey"}]}"#;
        let result = policy(text, &json!(null));
        assert_eq!(result["errors"][0]["pointer"], "/rules/0/auth");
        assert_eq!(result["errors"][0]["column"], 39);

        let text =
            r#"{"rules": [{"match": "GET /", "auth": "none", "limit_by": "ip", "plan": "free"}]}"#;
        let warnings = |plans| policy(text, &plans)["warnings"].clone();
        let is_named = |warnings: &Value| warnings.to_string().contains("`free` does not exist");
        assert!(is_named(&warnings(json!(["gold"]))));
        assert!(!is_named(&warnings(json!(["free"]))));
        assert!(!is_named(&warnings(json!(null))));
    }

    #[test]
    fn header_of_keys_is_the_one_of_the_policy_if_it_is_unknown() {
        let text = r#"{"rules": [], "api_keys": {"header": "x-access-key"}}"#;
        let document = serde_json::from_str(text).unwrap();
        let target = policy_target(&Backend::local(&crate::Local::new("0.0.0")), &document);
        let expected = Backend::local(&crate::Local::new("0.0.0")).key_header();
        let expected = expected.map_or("x-access-key".to_owned(), |it| it.as_str().to_owned());
        assert_eq!(target.key_header.as_str(), expected);
    }
}
