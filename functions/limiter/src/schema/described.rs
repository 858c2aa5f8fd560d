//! The OpenAPI description has exactly the fields and values that the types accept.

use std::collections::BTreeSet;

use limits::PlanDocument;
use policy::{KeyHeader, Policy};
use serde_json::{Value, json};

/// Returns the names after `expected` in the error about an unknown field or value.
fn expected_names(error: &str) -> BTreeSet<String> {
    let (_, names) = error
        .split_once("expected ")
        .expect("an error with `expected`");
    names
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn accepted_by_policy(document: &Value) -> BTreeSet<String> {
    let error = Policy::parse(&document.to_string(), &KeyHeader::default(), &|_| None).unwrap_err();
    expected_names(&error.to_string())
}

fn accepted_by_plan(document: &Value) -> BTreeSet<String> {
    expected_names(
        &serde_json::from_value::<PlanDocument>(document.clone())
            .unwrap_err()
            .to_string(),
    )
}

fn described(name: &str) -> BTreeSet<String> {
    let schema = &crate::api::description()["components"]["schemas"][name];
    match (&schema["properties"], &schema["enum"]) {
        (Value::Object(fields), _) => fields.keys().cloned().collect(),
        (_, Value::Array(values)) => values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => panic!("{name}: {schema}"),
    }
}

#[test]
fn description_of_policy_matches_its_type() {
    let unknown = json!({"unknown": 1});
    for (name, document) in [
        ("Policy", unknown.clone()),
        ("Issuer", json!({"issuers": [unknown]})),
        ("Introspection", json!({"introspection": unknown})),
        (
            "ClientAuth",
            json!({"introspection": {"endpoint": "https://a", "auth": "unknown"}}),
        ),
        ("Mtls", json!({"mtls": unknown})),
        (
            "HolderName",
            json!({"mtls": {"default_plan": "p", "user_from": "unknown"}}),
        ),
        ("ApiKeys", json!({"api_keys": unknown})),
        ("TokenLocation", json!({"token": unknown})),
        ("TokenScheme", json!({"token": {"scheme": "unknown"}})),
        ("Paths", json!({"paths": unknown})),
        ("PathCase", json!({"paths": {"case": "unknown"}})),
        (
            "TrailingSlash",
            json!({"paths": {"trailing_slash": "unknown"}}),
        ),
        ("Rule", json!({"rules": [unknown]})),
        (
            "Auth",
            json!({"rules": [{"match": "GET /", "auth": "unknown"}]}),
        ),
        (
            "LimitBy",
            json!({"rules": [{"match": "GET /", "auth": "none", "limit_by": "unknown"}]}),
        ),
    ] {
        assert_eq!(described(name), accepted_by_policy(&document), "{name}");
    }
}

#[test]
fn description_of_plan_matches_its_type() {
    let unknown = json!({"unknown": 1});
    for (name, document) in [
        ("Plan", unknown.clone()),
        ("Throttle", json!({"throttle": unknown})),
        ("Quota", json!({"quotas": [unknown]})),
        (
            "Period",
            json!({"quotas": [{"limit": 1, "period": "unknown"}]}),
        ),
        ("Algorithm", json!({"algorithm": "unknown"})),
        ("OnStoreFailure", json!({"on_store_failure": "unknown"})),
    ] {
        assert_eq!(described(name), accepted_by_plan(&document), "{name}");
    }
}

#[test]
fn optional_fields_that_must_not_be_null_are_described() {
    let schemas = &crate::api::description()["components"]["schemas"];

    for (name, required) in [
        ("Plan", json!(null)),
        ("Throttle", json!(["rate", "burst"])),
        ("Quota", json!(["limit", "period"])),
        ("Policy", json!(["rules"])),
        ("Issuer", json!(["issuer", "audiences"])),
        ("Introspection", json!(["endpoint"])),
        ("Rule", json!(["match", "auth"])),
    ] {
        assert_eq!(schemas[name]["required"], required, "{name}");
    }
    for (name, field) in [
        ("Plan", "window_s"),
        ("Quota", "name"),
        ("Issuer", "allowed_plans"),
        ("Rule", "issuers"),
    ] {
        let kind = &schemas[name]["properties"][field]["type"];
        assert!(kind.is_string(), "{name}.{field}: {kind}");
    }
}
