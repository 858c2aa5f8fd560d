//! Conversions of whole accounts. The documents have the forms of AWS's documentation.

use serde_json::json;

use super::*;
use crate::Outcome;

const PLANS: &str = include_str!("samples/usage-plans.json");
const KEYS: &str = include_str!("samples/api-keys.json");
const PLAN_KEYS: &str = include_str!("samples/usage-plan-keys.json");

fn account(documents: &[(&str, Value, Option<&str>)]) -> Account {
    let mut account = Account::default();
    for (place, document, plan_id) in documents {
        account.add(place, document.clone(), *plan_id).unwrap();
    }
    account
}

/// Converts, and checks that the file can be read again.
fn migrated(account: Account) -> Migration {
    migrated_stages(account, &[])
}

fn migrated_stages(account: Account, stages: &[String]) -> Migration {
    let migration = account.migrate(stages).unwrap();
    let yaml = migration.declaration.to_yaml(&[]);
    if !yaml.is_empty() {
        assert_eq!(
            Declaration::parse("generated", &yaml).unwrap(),
            migration.declaration
        );
    }
    migration
}

fn texts(migration: &Migration, outcome: Outcome) -> Vec<&str> {
    let findings = migration.report.findings.iter();
    let found = findings.filter(|finding| finding.outcome == outcome);
    found.map(|finding| finding.text.as_str()).collect()
}

/// A usage plan of stage a/prod with a throttle.
fn plan(id: &str, fields: Value) -> Value {
    let mut plan = json!({
        "id": id, "name": id, "apiStages": [{"apiId": "a", "stage": "prod"}],
        "throttle": {"rateLimit": 10.0, "burstLimit": 20},
    });
    for (name, value) in fields.as_object().unwrap() {
        plan[name] = value.clone();
    }
    plan
}

fn plans(plans: &[Value]) -> Value {
    json!({ "items": plans })
}

fn key(id: &str, fields: Value) -> Value {
    let mut key = json!({"id": id, "name": id, "enabled": true, "value": format!("made-up-secret-value-of-{id}")});
    for (name, value) in fields.as_object().unwrap() {
        key[name] = value.clone();
    }
    key
}

fn plan_keys(ids: &[&str]) -> Value {
    let keys = ids.iter().map(|id| json!({"id": id, "type": "API_KEY"}));
    json!({ "items": keys.collect::<Vec<_>>() })
}

#[test]
fn sample_account_is_converted_as_a_whole() {
    let mut account = Account::default();
    account
        .add_text("plans.json", PLANS.as_bytes(), None)
        .unwrap();
    account
        .add_text("keys.json", KEYS.as_bytes(), None)
        .unwrap();
    account
        .add_text("plan-keys.json", PLAN_KEYS.as_bytes(), Some("c7y23b"))
        .unwrap();
    let migration = migrated(account);

    let plans = &migration.declaration.plans;
    assert_eq!(
        plans["basic"],
        json!({
            "throttle": {"rate": 5, "burst": 10},
            "quotas": [{"limit": 500, "period": "month"}],
            "routes": {
                "GET /pets": {"rate": 0.5, "burst": 1},
                "POST /pets/{petId}": {"rate": 2, "burst": 4},
            },
        })
    );
    assert_eq!(
        plans["premium-plan"]["quotas"],
        json!([{"limit": 100_000, "period": "week", "starts_on": 7}])
    );

    let keys = &migration.declaration.keys;
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].key_id, "8bklk8bl1k3sB38D9B3l0enyWT8c09B30lkq0blk");
    assert_eq!(
        Value::Object(keys[0].fields.clone()),
        json!({
            "name": "My key", "description": "My first key", "plan": "basic",
            "metadata": {"created_at": "2016-02-22T23:40:52Z"},
        })
    );
    assert_eq!(keys[1].fields["enabled"], false);
    assert_eq!(keys[1].fields["metadata"]["customer_id"], "cus_1");
    assert!(!migration.report.is_laxer(), "{}", migration.report);

    let report = format!("{}{}", migration.report, migration.report.to_json());
    assert!(!report.contains("made-up-"), "{report}");
}

#[test]
fn plan_without_throttle_is_laxer() {
    for throttle in [Value::Null, json!({})] {
        let plans = plans(&[plan(
            "p",
            json!({"throttle": throttle, "quota": {"limit": 5, "period": "DAY"}}),
        )]);
        let migration = migrated(account(&[("a", plans, None)]));
        assert!(texts(&migration, Outcome::Laxer)[0].starts_with("it has no throttle"));
        let quotas = json!({"quotas": [{"limit": 5, "period": "day"}]});
        assert_eq!(migration.declaration.plans["p"], quotas);
    }
}

#[test]
fn quota_that_is_not_understood_is_laxer() {
    for quota in [
        json!({"period": "DAY"}),
        json!({"limit": 5}),
        json!({"limit": 5, "period": "YEAR"}),
        json!({"limit": 5, "period": "DAY", "offset": 3}),
        json!({"limit": 5, "period": "WEEK", "offset": 100}),
    ] {
        let plans = plans(&[plan("p", json!({"quota": quota}))]);
        let migration = migrated(account(&[("a", plans, None)]));
        assert!(
            texts(&migration, Outcome::Laxer)[0].starts_with("its quota has"),
            "{quota}"
        );
    }
}

#[test]
fn offset_of_a_quota_is_reported() {
    let quota = json!({"limit": 5, "period": "MONTH", "offset": 14});
    let plans = plans(&[plan("p", json!({"quota": quota}))]);
    let migration = migrated(account(&[("a", plans, None)]));
    assert_eq!(
        migration.declaration.plans["p"]["quotas"][0]["starts_on"],
        15
    );
    assert!(texts(&migration, Outcome::Warning)[0].contains("`offset` 14"));
    assert!(!migration.report.is_laxer());
}

#[test]
fn plan_without_stages_is_disabled() {
    for stages in [json!([]), Value::Null] {
        let plans = plans(&[plan("p", json!({"apiStages": stages}))]);
        let migration = migrated(account(&[("a", plans, None)]));
        assert_eq!(migration.declaration.plans["p"]["enabled"], false);
        assert!(texts(&migration, Outcome::Warning)[0].contains("the plan is disabled"));
    }
}

#[test]
fn seventeenth_route_is_laxer() {
    let methods = (1..=17).map(|number| {
        let throttle = json!({"rateLimit": number, "burstLimit": 1});
        (format!("/r{number}/GET"), throttle)
    });
    let stages = json!([{"apiId": "a", "stage": "prod", "throttle": methods.collect::<serde_json::Map<_, _>>()}]);
    let plans = plans(&[plan(
        "p",
        json!({"apiStages": stages, "throttle": {"rateLimit": 100, "burstLimit": 100}}),
    )]);
    let migration = migrated(account(&[("a", plans, None)]));
    let routes = migration.declaration.plans["p"]["routes"]
        .as_object()
        .unwrap();
    assert_eq!((routes.len(), routes.contains_key("GET /r17")), (16, false));
    assert!(texts(&migration, Outcome::Laxer)[0].starts_with("the limit of `GET /r17`"));
}

#[test]
fn method_without_a_route_is_laxer() {
    let stages = json!([{"apiId": "a", "stage": "prod", "throttle": {"*/*": {"rateLimit": 1, "burstLimit": 1}}}]);
    let plans = plans(&[plan("p", json!({"apiStages": stages}))]);
    let migration = migrated(account(&[("a", plans, None)]));
    assert!(texts(&migration, Outcome::Laxer)[0].contains("the limit has no route"));
}

#[test]
fn strictest_limit_of_several_stages_applies() {
    let stage = |api: &str, rate: f64, burst: u64| {
        let throttle = json!({"/pets/GET": {"rateLimit": rate, "burstLimit": burst}});
        json!({"apiId": api, "stage": "prod", "throttle": throttle})
    };
    let stages = json!([stage("a", 5.0, 1), stage("b", 2.0, 9)]);
    let plans = plans(&[plan("p", json!({"apiStages": stages}))]);
    let migration = migrated(account(&[("a", plans, None)]));
    let route = &migration.declaration.plans["p"]["routes"]["GET /pets"];
    assert_eq!(*route, json!({"rate": 2, "burst": 1}));
    assert!(texts(&migration, Outcome::Stricter)[0].contains("limits in several stages"));
    assert!(!migration.report.is_laxer());
}

#[test]
fn route_above_the_throttle_of_the_plan_is_stricter() {
    let throttle = json!({"/pets/GET": {"rateLimit": 50, "burstLimit": 5}});
    let stages = json!([{"apiId": "a", "stage": "prod", "throttle": throttle}]);
    let plans = plans(&[plan("p", json!({"apiStages": stages}))]);
    let migration = migrated(account(&[("a", plans, None)]));
    assert!(texts(&migration, Outcome::Stricter)[0].contains("both apply"));
}

#[test]
fn key_in_several_plans_gets_all_limits_together() {
    let plans = plans(&[
        plan("p", json!({"quota": {"limit": 500, "period": "MONTH"}})),
        plan(
            "q",
            json!({"throttle": {"rateLimit": 1, "burstLimit": 100}, "quota": {"limit": 9, "period": "DAY"}}),
        ),
    ]);
    let keys = json!({"items": [key("k1", json!({})), key("k2", json!({})), key("k3", json!({}))]});
    let migration = migrated(account(&[
        ("a", plans, None),
        ("b", keys, None),
        ("c", plan_keys(&["k1", "k2"]), Some("p")),
        ("d", plan_keys(&["k1", "k2", "k3"]), Some("q")),
    ]));

    let declaration = &migration.declaration;
    let plans: Vec<_> = declaration
        .keys
        .iter()
        .map(|key| &key.fields["plan"])
        .collect();
    assert_eq!(plans, ["p-and-q", "p-and-q", "q"]);
    assert_eq!(
        declaration.plans["p-and-q"],
        json!({
            "throttle": {"rate": 1, "burst": 20},
            "quotas": [{"limit": 9, "period": "day"}, {"limit": 500, "period": "month"}],
        })
    );
    assert_eq!(texts(&migration, Outcome::Stricter).len(), 2);
    assert!(!migration.report.is_laxer());
}

#[test]
fn keys_of_some_stages_are_laxer_and_have_scopes() {
    let stage = |api: &str| json!({"apiStages": [{"apiId": api, "stage": "prod"}]});
    let documents = || {
        account(&[
            (
                "a",
                plans(&[plan("p", stage("a")), plan("q", stage("b"))]),
                None,
            ),
            ("b", json!({"items": [key("k", json!({}))]}), None),
            ("c", plan_keys(&["k"]), Some("p")),
        ])
    };

    let migration = migrated(documents());
    let laxer = texts(&migration, Outcome::Laxer);
    assert!(
        laxer.len() == 2 && laxer[0].contains("may call the stages a/prod only"),
        "{laxer:?}"
    );
    let key = &migration.declaration.keys[0];
    assert_eq!(key.fields["scopes"], json!(["stage:a/prod"]));

    let migration = migrated_stages(documents(), &["a/prod".to_owned()]);
    assert!(!migration.report.is_laxer(), "{}", migration.report);
    assert_eq!(migration.declaration.plans.len(), 1);
    assert!(!migration.declaration.keys[0].fields.contains_key("scopes"));

    let error = documents()
        .migrate(&["a/dev".to_owned()])
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected one of: a/prod, b/prod"), "{error}");
}

#[test]
fn uncertain_keys_are_not_opened() {
    let keys = json!({"items": [
        key("no-value", json!({"value": null})),
        key("invalid", json!({"value": "with, comma and space"})),
        key("unknown", json!({"enabled": null})),
        key("double", json!({"value": "made-up-secret-value-of-unknown"})),
        key("outside", json!({})),
        key("weak", json!({"value": "aaaaaaaaaaaaaaaaaaaaaaaa", "stageKeys": ["a/prod"], "color": "red"})),
    ]});
    let in_plan = plan_keys(&[
        "no-value",
        "invalid",
        "unknown",
        "double",
        "weak",
        "only-in-the-plan",
    ]);
    let migration = migrated(account(&[
        ("a", plans(&[plan("p", json!({}))]), None),
        ("b", keys, None),
        ("c", in_plan, Some("p")),
    ]));

    let declared = migration.declaration.keys.iter();
    let declared: Vec<_> = declared
        .map(|key| {
            (
                key.key_id.as_str(),
                key.hash.is_some(),
                key.fields.contains_key("enabled"),
            )
        })
        .collect();
    assert_eq!(
        declared,
        [
            ("double", true, false),
            ("invalid", false, false),
            ("no-value", false, false),
            ("only-in-the-plan", false, true),
            ("weak", true, false),
        ]
    );
    let report = migration.report.to_string();
    for expected in [
        "its value is missing",
        "its value cannot be taken over",
        "it is unknown whether it is enabled",
        "it has the same value as the key double",
        "it is in no usage plan",
        "its value is easy to guess",
        "`stageKeys`: usage plans have replaced them",
        "`color`: unknown field",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    assert!(
        !report.contains("aaaaaa") && !report.contains("made-up-secret-value"),
        "{report}"
    );
    assert!(!migration.report.is_laxer());
}

#[test]
fn values_of_usage_plan_keys_are_used() {
    let in_plan = json!({"items": [{"id": "k", "type": "API_KEY", "name": "k", "value": "made-up-0123456789abcdefghij"}]});
    let migration = migrated(account(&[
        ("a", plans(&[plan("p", json!({}))]), None),
        (
            "b",
            json!({"items": [key("k", json!({"value": null}))]}),
            None,
        ),
        ("c", in_plan, Some("p")),
    ]));
    assert!(migration.declaration.keys[0].hash.is_some());
}

#[test]
fn key_is_listed_with_and_without_its_value() {
    let without = || {
        (
            "b",
            json!({"items": [key("k", json!({"value": null}))]}),
            None,
        )
    };
    let with = || ("c", json!({"items": [key("k", json!({}))]}), None);
    for documents in [[without(), with()], [with(), without()]] {
        let mut account = account(&documents);
        let list = plans(&[plan("p", json!({}))]);
        account.add("a", list, None).unwrap();
        account.add("d", plan_keys(&["k"]), Some("p")).unwrap();
        assert!(migrated(account).declaration.keys[0].hash.is_some());
    }
}

#[test]
fn incomplete_lists_are_reported() {
    for token in ["position", "NextToken"] {
        let mut list = plans(&[plan("p", json!({}))]);
        list[token] = json!("token");
        let migration = migrated(account(&[("a", list, None)]));
        assert!(texts(&migration, Outcome::Warning)[0].contains("incomplete"));
    }
    let migration = migrated(account(&[("a", json!({"items": []}), None)]));
    assert_eq!(texts(&migration, Outcome::Warning), ["it is empty"]);
}

#[test]
fn keys_without_lists_of_plans_are_reported() {
    let keys = json!({"items": [key("k", json!({}))]});
    let migration = migrated(account(&[
        ("a", plans(&[plan("p", json!({}))]), None),
        ("b", keys, None),
    ]));
    assert!(migration.declaration.keys.is_empty());
    assert!(texts(&migration, Outcome::Closed)[0].contains("PLAN_ID=FILE"));
}

#[test]
fn contradictions_are_errors() {
    let list = |rate: u32| {
        plans(&[plan(
            "p",
            json!({"throttle": {"rateLimit": rate, "burstLimit": 1}}),
        )])
    };
    let mut account = Account::default();
    account.add("a", list(1), None).unwrap();
    account.add("again", list(1), None).unwrap();
    let error = account.add("b", list(2), None).unwrap_err().to_string();
    assert_eq!(
        error,
        "b: items[0]: the usage plan p differs from the one at a: items[0]"
    );

    let keys = |enabled: bool| json!({"items": [key("k", json!({"enabled": enabled}))]});
    account.add("c", keys(true), None).unwrap();
    account.add("d", keys(true), None).unwrap();
    let error = account.add("e", keys(false), None).unwrap_err().to_string();
    assert!(
        error.starts_with("e: items[0]: the key k differs"),
        "{error}"
    );

    account.add("f", plan_keys(&["k"]), Some("q")).unwrap();
    let error = account.migrate(&[]).err().unwrap().to_string();
    assert_eq!(error, "q: unknown usage plan, expected one of: p");
}

#[test]
fn fields_of_another_type_are_errors_without_values() {
    for (item, expected) in [
        (
            json!({"id": "p", "throttle": {"rateLimit": "much"}}),
            "`throttle.rateLimit` has another type",
        ),
        (json!({"throttle": {}}), "missing field `id`"),
        (
            json!({"id": "k", "enabled": true, "value": 12_345_678}),
            "`value` has another type",
        ),
    ] {
        let mut account = Account::default();
        let error = account
            .add("a", json!({"items": [item]}), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && !error.contains("much") && !error.contains("12345678"),
            "{error}"
        );
    }
}

#[test]
fn ten_thousand_keys_are_converted() {
    let ids: Vec<_> = (0..10_000)
        .map(|number| format!("key{number:05}"))
        .collect();
    let keys: Vec<_> = ids.iter().map(|id| key(id, json!({}))).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let migration = account(&[
        ("a", plans(&[plan("p", json!({}))]), None),
        ("b", json!({ "items": keys }), None),
        ("c", plan_keys(&ids), Some("p")),
    ]);
    assert_eq!(migrated(migration).declaration.keys.len(), 10_000);
}
