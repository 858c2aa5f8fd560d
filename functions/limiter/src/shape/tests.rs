use super::*;
use proptest::prelude::*;
use serde_json::json;
use usage::PlanDocument;

fn of(name: &str, mut value: Value) -> (Value, Vec<(String, String)>) {
    let description = crate::api::description();
    let found = mistakes(&mut value, &description["components"]["schemas"][name], description).with(Vec::new());
    (value, found.into_iter().map(|known| (known.pointer.unwrap_or_default(), known.detail)).collect())
}

fn pointers(name: &str, value: Value) -> Vec<String> {
    let mut pointers: Vec<_> = of(name, value).1.into_iter().map(|(pointer, _)| pointer).collect();
    pointers.sort_unstable();
    pointers
}

#[test]
fn every_wrong_member_is_named_at_once_where_it_stood() {
    let found = pointers(
        "Plan",
        json!({
            "trottle": 1,
            "throttle": {"rate": "fast", "burst": 1.5, "more": true},
            "quotas": [{"limit": 1, "period": "year"}, {"limit": 1, "period": "day"}, {"period": "day"}, 7],
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
fn a_mistake_is_a_sentence_that_names_the_member_and_repeats_no_value() {
    let key =
        json!({"plan": 7, "enabled": "hush", "expires_at": "hush", "scopes": ["a", 7], "metadata": [], "hush": 1});
    let (_, found) = of("NewKey", key);
    let mut details: Vec<_> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    details.sort_unstable();
    assert_eq!(
        details,
        [
            "`enabled` is `true` or `false`, or null",
            "`expires_at` is an instant such as `2026-11-22T12:00:00Z`, or null",
            "`hush` is not known here; known are `description`, `enabled`, `expires_at`, `metadata`, `name`, \
             `plan`, `scopes`, `subject`",
            "`metadata` is a JSON object, or null",
            "`plan` is a text",
            "item 1 of `scopes` is a text",
        ]
    );
    let (_, found) = of("Plan", json!({"algorithm": "leaky", "window_s": 0, "quotas": [{}]}));
    let mut details: Vec<_> = found.into_iter().map(|(_, detail)| detail).collect();
    details.sort_unstable();
    assert_eq!(
        details,
        [
            "`algorithm` is one of `token_bucket`, `sliding_window`",
            "`limit` is required",
            "`period` is required",
            "`window_s` is a whole number from 1 to 86400, or null",
        ]
    );
}

#[test]
fn a_list_is_no_object_wherever_an_object_is_asked_for() {
    for (name, value, pointer) in [
        ("Plan", json!([]), ""),
        ("Plan", json!({"throttle": [1, 2]}), "/throttle"),
        ("Plan", json!({"quotas": [["day", 1, "day"]]}), "/quotas/0"),
        ("Plan", json!({"quotas": {}}), "/quotas"),
        ("NewKey", json!(["a", null, "free", true, null, null, [], {}]), ""),
        ("KeyChanges", json!([]), ""),
        ("Grant", json!(["day", 5]), ""),
        ("Rotation", json!([60]), ""),
        ("Question", json!([]), ""),
        ("Policy", json!([30]), ""),
        ("Policy", json!({"rules": [["GET /", "any"]]}), "/rules/0"),
        ("Policy", json!({"rules": [], "mtls": ["free"], "api_keys": ["x"]}), "/api_keys /mtls"),
    ] {
        assert_eq!(pointers(name, value.clone()).join(" "), pointer, "{name} {value}");
    }
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
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// What is left can be read, and what has no mistakes is left as it was.
    #[test]
    fn a_plan_without_mistakes_of_shape_is_read(value in json_value()) {
        let (left, found) = of("Plan", value.clone());
        if found.is_empty() {
            prop_assert_eq!(&left, &value);
        }
        if !left.is_null() {
            prop_assert!(serde_json::from_value::<PlanDocument>(left.clone()).is_ok(), "{left}");
        }
        let readable = value.is_object() && serde_json::from_value::<PlanDocument>(value.clone()).is_ok();
        prop_assert!(readable || !found.is_empty(), "{value}");
    }
}
