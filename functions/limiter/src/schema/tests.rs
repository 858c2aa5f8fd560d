//! Tests of the schema check with the documents of the API.

use super::*;
use limits::PlanDocument;
use proptest::prelude::*;
use serde_json::json;

/// Returns what is left of a document, and the pointer and the text of each mistake.
fn check(name: &str, mut value: Value) -> (Value, Vec<(String, String)>) {
    let found = remove_mistakes(&mut value, name).with(Vec::new());
    (
        value,
        found
            .into_iter()
            .map(|known| (known.pointer.unwrap_or_default(), known.detail))
            .collect(),
    )
}

fn pointers(name: &str, value: Value) -> Vec<String> {
    let mut pointers: Vec<_> = check(name, value)
        .1
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect();
    pointers.sort_unstable();
    pointers
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    let found = pointers(
        "Plan",
        json!({
            "trottle": 1,
            "throttle": {"rate": "fast", "burst": 1.5, "more": true},
            "quotas": [{"limit": 1, "period": "decade"}, {"limit": 1, "period": "day"}, {"period": "day"}, 7],
            "routes": {"GET /a": {"rate": 1}, "GET /b": {"rate": 1, "burst": 1}, "GET /c": []},
            "near_limit": [],
            "lease": -1
        }),
    );
    let expected = [
        "/lease",
        "/near_limit",
        "/quotas/0/period",
        "/quotas/2/limit",
        "/quotas/3",
        "/routes/GET ~1a/burst",
        "/routes/GET ~1c",
        "/throttle/burst",
        "/throttle/more",
        "/throttle/rate",
        "/trottle",
    ];

    assert_eq!(found, expected);
}

#[test]
fn mistake_names_the_field_and_the_expected_value_only() {
    let key = json!({"plan": 7, "enabled": "hush", "expires_at": "hush", "scopes": ["a", 7], "metadata": [], "hush": 1});
    let (_, found) = check("NewKey", key);
    let mut details: Vec<_> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    details.sort_unstable();
    assert_eq!(
        details,
        [
            "`enabled` is invalid, expected `true` or `false`",
            "`expires_at` is invalid, expected an instant such as `2026-11-22T12:00:00Z`",
            "`metadata` is invalid, expected a JSON object or null",
            "`plan` is invalid, expected a string",
            "item 1 of `scopes` is invalid, expected a string",
            "unknown field `hush`, expected one of `allowed_ips`, `description`, `enabled`, `expires_at`, \
             `group`, `hash`, `metadata`, `name`, `not_before`, `plan`, `prefix`, `scopes`, `subject`",
        ]
    );

    let (_, found) = check(
        "Plan",
        json!({"algorithm": "leaky", "window_s": 0, "quotas": [{}]}),
    );
    let mut details: Vec<_> = found.into_iter().map(|(_, detail)| detail).collect();
    details.sort_unstable();
    assert_eq!(
        details,
        [
            "`algorithm` is invalid, expected one of `token_bucket`, `sliding_window`",
            "`limit` is required",
            "`period` is required",
            "`window_s` is invalid, expected a whole number from 1 to 86400",
        ]
    );
}

#[test]
fn list_instead_of_an_object_is_rejected() {
    for (name, value, pointer) in [
        ("Plan", json!([]), ""),
        ("Plan", json!({"throttle": [1, 2]}), "/throttle"),
        ("Plan", json!({"quotas": [["day", 1, "day"]]}), "/quotas/0"),
        ("Plan", json!({"quotas": {}}), "/quotas"),
        (
            "NewKey",
            json!(["a", null, "free", true, null, null, [], {}]),
            "",
        ),
        ("KeyChanges", json!([]), ""),
        ("Grant", json!(["day", 5]), ""),
        ("Rotation", json!([60]), ""),
        ("Question", json!([]), ""),
        ("Policy", json!([30]), ""),
        ("Policy", json!({"rules": [["GET /", "any"]]}), "/rules/0"),
        (
            "Policy",
            json!({"rules": [], "mtls": ["free"], "api_keys": ["x"]}),
            "/api_keys /mtls",
        ),
    ] {
        assert_eq!(
            pointers(name, value.clone()).join(" "),
            pointer,
            "{name} {value}"
        );
    }
}

#[test]
fn null_is_rejected_where_it_would_loosen_a_limit() {
    for (name, value, expected) in [
        ("Plan", json!({"throttle": null}), "/throttle"),
        (
            "Plan",
            json!({"window_s": null, "limit": null, "near_limit": null}),
            "/limit /near_limit /window_s",
        ),
        (
            "Plan",
            json!({"throttle": {"rate": null, "burst": null}}),
            "/throttle/burst /throttle/rate",
        ),
        (
            "Plan",
            json!({"algorithm": null, "quotas": null, "routes": null}),
            "/algorithm /quotas /routes",
        ),
        (
            "Plan",
            json!({"on_store_failure": null, "shadow": null, "lease": null}),
            "/lease /on_store_failure /shadow",
        ),
        (
            "Plan",
            json!({"shared_by_plan": null, "routes": {"GET /a": null}}),
            "/routes/GET ~1a /shared_by_plan",
        ),
        (
            "Plan",
            json!({"quotas": [{"limit": 1, "period": "day", "name": null, "time_zone": null, "starts_on": null}]}),
            "/quotas/0/name /quotas/0/starts_on /quotas/0/time_zone",
        ),
        (
            "NewKey",
            json!({"plan": "p", "enabled": null, "expires_at": null}),
            "/enabled /expires_at",
        ),
        (
            "KeyChanges",
            json!({"plan": null, "enabled": null}),
            "/enabled /plan",
        ),
        ("Rotation", json!({"grace_s": null}), "/grace_s"),
        ("Question", json!({"key": "k", "cost": null}), "/cost"),
        (
            "Grant",
            json!({"quota": null, "grant": null}),
            "/grant /quota",
        ),
        (
            "Policy",
            json!({"rules": [{"match": "POST /login", "auth": "none", "plan": null, "limit_by": null, "scopes": null,
                "issuers": null}]}),
            "/rules/0/issuers /rules/0/limit_by /rules/0/plan /rules/0/scopes",
        ),
        (
            "Policy",
            json!({"rules": [], "issuers": [{"issuer": "https://a.example", "audiences": ["a"], "jwks_uri": null,
                "jwks": null, "algorithms": null, "required_claims": null, "max_lifetime_s": null,
                "allowed_scopes": null, "allowed_roles": null, "allowed_plans": null}]}),
            "/issuers/0/algorithms /issuers/0/allowed_plans /issuers/0/allowed_roles \
             /issuers/0/allowed_scopes /issuers/0/jwks /issuers/0/jwks_uri /issuers/0/required_claims",
        ),
        (
            "Policy",
            json!({"rules": [], "introspection": {"endpoint": "https://a.example", "client_id": "a",
                "client_secret": "env:A", "issuer": null, "audiences": null}}),
            "/introspection/audiences /introspection/issuer",
        ),
    ] {
        assert_eq!(
            pointers(name, value.clone()).join(" "),
            expected,
            "{name} {value}"
        );
    }
    let (_, found) = check("Plan", json!({"throttle": null}));
    assert_eq!(found[0].1, "`throttle` is null, expected a JSON object");

    // In a merge patch, null removes a value.
    let changes = json!({"name": null, "description": null, "expires_at": null, "subject": null, "scopes": null});
    assert_eq!(pointers("KeyChanges", changes), [""; 0]);
}

#[test]
fn whole_numbers_may_have_a_decimal_point() {
    let (left, found) = check(
        "Plan",
        json!({"throttle": {"rate": 1, "burst": 5.0}, "lease": 1.6e1}),
    );
    assert_eq!(
        (left, found.len()),
        (json!({"throttle": {"rate": 1, "burst": 5}, "lease": 16}), 0)
    );

    let odd = json!({"throttle": {"rate": 1, "burst": 5.5}, "lease": -0.0, "window_s": 1e300});
    assert_eq!(
        pointers("Plan", odd),
        ["/lease", "/throttle/burst", "/window_s"]
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let names = "throttle|algorithm|window_s|limit|quotas|routes|rate|burst|period|name|starts_on|lease|shadow|GET /a";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..40_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "day|week|sliding_window|allow|x".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Returns true if the values are equal. Numbers may be written differently.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, value): (&String, &Value)| {
                right.get(name).is_some_and(|other| is_same(value, other))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

proptest! {
    /// The remaining document can be read, and a valid one is left unchanged.
    #[test]
    fn plan_that_matches_its_schema_is_read(value in json_value()) {
        let (left, found) = check("Plan", value.clone());
        if found.is_empty() {
            prop_assert!(is_same(&left, &value), "{} {}", left, value);
        }
        if !left.is_null() {
            prop_assert!(serde_json::from_value::<PlanDocument>(left.clone()).is_ok(), "{left}");
        }
        let readable = value.is_object() && serde_json::from_value::<PlanDocument>(value.clone()).is_ok();

        prop_assert!(readable || !found.is_empty(), "{value}");
    }
}
