use serde_json::json;

use super::*;

fn declaration(text: &str) -> Declaration {
    Declaration::parse("t.yaml", text).unwrap()
}

fn object(document: Value, managed_by: Option<&str>) -> RemoteObject {
    RemoteObject {
        document,
        etag: "\"1\"".to_owned(),
        managed_by: managed_by.map(str::to_owned),
    }
}

fn objects<const N: usize>(objects: [(&str, RemoteObject); N]) -> BTreeMap<String, RemoteObject> {
    objects
        .map(|(name, object)| (name.to_owned(), object))
        .into()
}

/// Compares a file with an API that has these plans and keys.
fn differences(
    text: &str,
    prunes: bool,
    plans: &BTreeMap<String, RemoteObject>,
    keys: &[Value],
) -> Differences {
    let declaration = declaration(text);
    let mut comparison = Comparison::new(&declaration, prunes);
    comparison.plans(plans);
    comparison.policies(&BTreeMap::new());
    for key in keys {
        comparison.key(key, key["test_hash"].as_str());
    }
    comparison.finish()
}

fn key_difference(declared: &str, remote: Value) -> Differences {
    let mut key = json!({"key_id": "acme", "plan": "free", "enabled": true, "scopes": [], "metadata": {},
                         "created_at": "2026-11-22T12:00:00Z", "hint": "abcd", "etag": "\"7\""});
    key.as_object_mut()
        .unwrap()
        .extend(remote.as_object().unwrap().clone());
    let text = format!("plans: {{free: {{}}}}\nkeys: [{{key_id: acme, {declared}}}]");
    let plans = objects([("free", object(json!({}), None))]);
    differences(&text, false, &plans, &[key])
}

fn body(differences: &Differences) -> &Value {
    match &differences.items[..] {
        [
            Difference {
                change: Change::Update { body, etag },
                ..
            },
        ] => {
            assert_eq!(etag, "\"7\"");
            body
        }
        items => panic!("{items:?}"),
    }
}

#[test]
fn plan_that_means_the_same_does_not_differ() {
    let stored = json!({"throttle": {"rate": 10, "burst": 20},
        "quotas": [{"limit": 5, "period": "month", "time_zone": "Europe/Berlin"}]});
    let text = "plans: {a: {enabled: true, throttle: {rate: 10.0, burst: 20.0}, near_limit: 0.8, shadow: false, \
                quotas: [{name: month, limit: 5, period: month, time_zone: europe/berlin, starts_on: 1, overage: deny}]}}";
    let found = differences(text, false, &objects([("a", object(stored, None))]), &[]);
    assert_eq!(
        found,
        Differences {
            unchanged: 1,
            ..Differences::default()
        }
    );
}

#[test]
fn time_zone_that_the_api_keeps_under_an_alias_does_not_differ() {
    let quota = |zone: &str| json!({"quotas": [{"limit": 5, "period": "day", "time_zone": zone}]});
    let text = "plans: {a: {quotas: [{limit: 5, period: day, time_zone: UTC}]}}";
    let stored = objects([("a", object(quota("Etc/UTC"), None))]);
    assert!(differences(text, false, &stored, &[]).is_empty());
}

#[test]
fn changed_plan_is_replaced_as_a_whole() {
    let stored = objects([(
        "a",
        object(json!({"throttle": {"rate": 1, "burst": 5}}), None),
    )]);
    let found = differences(
        "plans: {a: {throttle: {rate: 2, burst: 5}}, b: {}}",
        false,
        &stored,
        &[],
    );
    let [changed, created] = &found.items[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        changed.change,
        Change::Update {
            body: json!({"throttle": {"rate": 2, "burst": 5}}),
            etag: "\"1\"".to_owned()
        }
    );
    assert_eq!(changed.fields[0].to_string(), "throttle.rate: 1 → 2");
    assert_eq!(created.change, Change::Create { body: json!({}) });
}

#[test]
fn policy_is_compared_by_its_values() {
    let text = "policies: {main: {clock_tolerance_s: 30, rules: [{match: GET /a, auth: any}]}}";
    let declaration = declaration(text);
    let compare = |document: Value| {
        let mut comparison = Comparison::new(&declaration, false);
        comparison.policies(&objects([("main", object(document, None))]));
        comparison.finish()
    };

    let rules = json!([{"auth": "any", "match": "GET /a"}]);
    let same = compare(json!({"rules": rules, "clock_tolerance_s": 30.0}));
    assert!(same.is_empty(), "{same:?}");
    let other = compare(json!({"rules": rules, "clock_tolerance_s": 31}));
    assert_eq!(
        other.items[0].fields[0].to_string(),
        "clock_tolerance_s: 31 → 30"
    );
}

#[test]
fn only_pruning_deletes_and_only_what_this_file_created() {
    let plans = || {
        objects([
            ("mine", object(json!({}), Some("shop"))),
            ("theirs", object(json!({}), Some("default"))),
            ("by-hand", object(json!({}), None)),
            ("kept", object(json!({}), Some("shop"))),
        ])
    };
    let key = |id: &str, managed_by: &str| json!({"key_id": id, "plan": "kept", "enabled": true, "etag": "\"2\"", "managed_by": managed_by});
    let keys = [key("k-mine", "shop"), key("k-theirs", "default")];
    let text = "name: shop\nplans: {kept: {}}";

    let found = differences(text, true, &plans(), &keys);
    let deleted: Vec<_> = found
        .items
        .iter()
        .map(|item| (item.kind, item.name.as_str(), &item.change))
        .collect();
    let delete = |etag: &str| Change::Delete {
        etag: etag.to_owned(),
    };
    assert_eq!(
        deleted,
        [
            (ObjectKind::Plan, "mine", &delete("\"1\"")),
            (ObjectKind::Key, "k-mine", &delete("\"2\"")),
        ]
    );

    let found = differences(text, false, &plans(), &keys);
    assert!(found.is_empty());
    assert_eq!((found.unchanged, found.unpruned), (1, 2));
}

#[test]
fn disabled_plan_is_enabled_only_if_the_file_says_so() {
    let stored = || {
        let plan = json!({"enabled": false, "throttle": {"rate": 1, "burst": 5}});
        objects([("a", object(plan, None))])
    };
    let compare = |plan: &str| differences(&format!("plans: {{a: {plan}}}"), false, &stored(), &[]);

    let same = compare("{throttle: {rate: 1, burst: 5}}");
    assert!(same.is_empty(), "{same:?}");
    assert!(same.warnings[0].starts_with("plan a is disabled and stays disabled"));

    let changed = compare("{throttle: {rate: 2, burst: 5}}");
    let Change::Update { body, .. } = &changed.items[0].change else {
        panic!("{changed:?}")
    };
    assert_eq!(body["enabled"], false);
    assert_eq!(
        (changed.items[0].fields.len(), changed.warnings.len()),
        (1, 1)
    );

    let enabled = compare("{enabled: true, throttle: {rate: 1, burst: 5}}");
    assert_eq!(
        enabled.items[0].fields[0].to_string(),
        "enabled: false → true"
    );
    assert!(enabled.warnings.is_empty());
}

#[test]
fn key_that_means_the_same_does_not_differ() {
    for (declared, remote) in [
        ("plan: free", json!({})),
        (
            "plan: free, name: null, scopes: [], metadata: {}, enabled: true, prefix: tg_",
            json!({"managed_by": "x"}),
        ),
        (
            "plan: free, expires_at: '2027-01-01T01:00:00+01:00', allowed_ips: [10.0.0.1, 10.0.0.1/32]",
            json!({"expires_at": "2027-01-01T00:00:00Z", "allowed_ips": ["10.0.0.1/32"]}),
        ),
        ("plan: free, enabled: false", json!({"enabled": false})),
    ] {
        let found = key_difference(declared, remote);
        assert!(
            found.is_empty() && found.warnings.is_empty(),
            "{declared}: {found:?}"
        );
    }
}

#[test]
fn only_changed_fields_of_a_key_are_sent() {
    let found = key_difference(
        "plan: free, name: New, metadata: {a: '1', b: '3'}, enabled: false",
        json!({"name": "Old", "group": "g", "metadata": {"a": "1", "b": "2", "c": "x"}}),
    );
    assert_eq!(
        body(&found),
        &json!({"group": null, "name": "New", "enabled": false, "metadata": {"c": null, "b": "3"}})
    );
    let lines: Vec<_> = found.items[0]
        .fields
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        [
            "name: Old → New",
            "enabled: true → false",
            "metadata.b: \"2\" → \"3\"",
            "metadata.c: x → (none)",
            "group: g → (none)"
        ]
    );
}

#[test]
fn disabled_key_stays_disabled_with_a_warning() {
    for declared in ["plan: free", "plan: free, enabled: true"] {
        let found = key_difference(declared, json!({"enabled": false}));
        assert!(found.is_empty(), "{found:?}");
        assert!(
            found.warnings[0].contains("`tollgate keys enable acme`"),
            "{found:?}"
        );
    }

    let found = key_difference("plan: free, name: New", json!({"enabled": false}));
    assert_eq!(body(&found), &json!({"name": "New"}));
}

#[test]
fn another_secret_is_refused_and_its_hash_not_shown() {
    let (hash, other) = ("ab".repeat(32), "cd".repeat(32));
    let declared = format!("plan: free, hash: {hash}");

    let found = key_difference(&declared, json!({"test_hash": other}));
    assert!(found.refusals[0].contains("`tollgate keys rotate acme`"));
    assert!(!found.is_empty() && found.items.is_empty());
    assert!(!found.refusals[0].contains(&hash) && !found.refusals[0].contains(&other));

    let found = key_difference(&declared, json!({"test_hash": hash}));
    assert!(found.is_empty());
    let found = key_difference(&format!("name: New, {declared}"), json!({}));
    assert_eq!(body(&found), &json!({"name": "New", "hash": hash}));
    let shown = found.items[0].fields.iter();
    assert!(
        shown
            .map(ToString::to_string)
            .all(|line| !line.contains(&hash))
    );
}

#[test]
fn missing_key_is_created_without_empty_fields() {
    let text = "plans: {free: {}}\nkeys: [{key_id: acme, plan: free, name: null, enabled: false, scopes: []}]";
    let found = differences(text, false, &BTreeMap::new(), &[]);
    let created = &found.items[1];
    assert_eq!(
        created.change,
        Change::Create {
            body: json!({"plan": "free", "enabled": false})
        }
    );
}

#[test]
fn plan_of_a_key_must_exist_after_the_changes() {
    let plans = || {
        objects([
            ("old", object(json!({}), Some("shop"))),
            ("other", object(json!({}), None)),
        ])
    };
    let text = "name: shop\nplans: {new: {}}\nkeys: [{key_id: k1, plan: new}, {key_id: k2, plan: other}, {key_id: k3, plan: old}]";
    assert_eq!(differences(text, false, &plans(), &[]).mistakes.len(), 0);

    let mistakes = differences(text, true, &plans(), &[]).mistakes;
    assert_eq!(
        mistakes,
        ["key k3: plan: unknown plan `old`, expected a plan of the file or of the API"]
    );
}

#[test]
fn key_that_a_list_shows_twice_is_compared_once() {
    let key = json!({"key_id": "acme", "plan": "free", "enabled": true, "etag": "\"1\"", "managed_by": "shop"});
    let text = "name: shop\nplans: {free: {}}\nkeys: [{key_id: acme, plan: free, name: New}]";
    let plans = objects([("free", object(json!({}), None))]);
    let found = differences(text, true, &plans, &[key.clone(), key]);
    assert_eq!(found.items.len(), 1);
}
