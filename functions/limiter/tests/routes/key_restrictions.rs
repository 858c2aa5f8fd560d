//! When, where and together with which other keys a key may be used.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, unique};

async fn decide(api: &Api, question: Value) -> Value {
    let response = api.send("POST", "/decisions", question).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

/// Creates a key with these fields, and returns its id and its secret.
async fn key_with(api: &Api, plan: &str, fields: Value) -> (String, String) {
    let mut body = json!({"plan": plan});
    let fields = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    let made = api.send("POST", "/keys", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key_id"), text("key"))
}

pub(crate) async fn restrictions_are_shown_in_canonical_form_and_removed_by_null(api: Arc<Api>) {
    let fields = json!({"not_before": "2026-11-01T00:00:00Z", "group": "acme",
        "allowed_ips": ["192.0.2.7", "2001:DB8::/32", "192.0.2.7/32"]});
    let (key_id, secret) = key_with(&api, "open", fields).await;
    let path = format!("/keys/{key_id}");
    let shown = api.get(&path).await.json();
    assert_eq!(shown["not_before"], "2026-11-01T00:00:00Z");
    assert_eq!(shown["group"], "acme");
    assert_eq!(
        shown["allowed_ips"],
        json!(["192.0.2.7/32", "2001:db8::/32"])
    );
    assert_eq!(shown["hint"], secret[secret.len() - 4..]);
    assert_eq!(shown["updated_at"], "2026-11-22T12:00:00Z");

    let removal = json!({"not_before": null, "group": null, "allowed_ips": null});
    assert_eq!(api.send("PATCH", &path, removal).await.status, 200);
    let shown = api.get(&path).await.json();
    for field in ["not_before", "group", "allowed_ips"] {
        assert_eq!(shown.get(field), None, "{field}");
    }
}

pub(crate) async fn every_invalid_restriction_is_reported(api: Arc<Api>) {
    let fields = json!({"group": "Acme", "not_before": "tomorrow",
        "allowed_ips": ["192.0.2.0/24", "192.0.2.7/24", "somewhere"]});
    let mut new = fields.clone();
    new["plan"] = "open".into();
    let (key_id, _) = api.key("open").await;

    for response in [
        api.send("POST", "/keys", new).await,
        api.send("PATCH", &format!("/keys/{key_id}"), fields).await,
    ] {
        let places = ["/allowed_ips/1", "/allowed_ips/2", "/group", "/not_before"];
        assert_eq!(response.mistakes(), places);
        assert!(response.text.contains("`192.0.2.0/24`"), "{response:?}");
    }

    let many: Vec<_> = (0..33).map(|n| format!("192.0.2.{n}")).collect();
    let response = api
        .send(
            "POST",
            "/keys",
            json!({"plan": "open", "allowed_ips": many}),
        )
        .await;
    assert_eq!(response.mistakes(), ["/allowed_ips"]);
}

pub(crate) async fn key_is_denied_before_its_time_and_from_elsewhere(api: Arc<Api>) {
    let (_, later) = key_with(&api, "open", json!({"not_before": "2026-11-22T12:00:01Z"})).await;
    let decided = decide(&api, json!({"key": later})).await;
    assert_eq!(decided["reason"], "key_not_yet_valid");
    let (_, now) = key_with(&api, "open", json!({"not_before": "2026-11-22T12:00:00Z"})).await;
    assert_eq!(decide(&api, json!({"key": now})).await["reason"], "ok");

    let (_, here) = key_with(&api, "open", json!({"allowed_ips": ["192.0.2.0/24"]})).await;
    for (question, reason) in [
        (json!({"key": here}), "address_not_allowed"),
        (
            json!({"key": here, "source_ip": "198.51.100.1"}),
            "address_not_allowed",
        ),
        (json!({"key": here, "source_ip": "192.0.2.1"}), "ok"),
        (json!({"key": here, "source_ip": "::ffff:192.0.2.1"}), "ok"),
        (
            json!({"key": here, "source_ip": "64:ff9b::c000:201"}),
            "address_not_allowed",
        ),
    ] {
        assert_eq!(
            decide(&api, question.clone()).await["reason"],
            reason,
            "{question}"
        );
    }
    let invalid = api
        .send(
            "POST",
            "/decisions",
            json!({"key": here, "source_ip": "here"}),
        )
        .await;
    assert_eq!(
        (invalid.status, invalid.mistakes()),
        (422, vec!["/source_ip".to_owned()])
    );
}

pub(crate) async fn keys_of_a_group_share_their_limits(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let group = unique("group");
    let (first, one) = key_with(&api, &plan, json!({"group": group})).await;
    let (_, two) = key_with(&api, &plan, json!({"group": group})).await;
    let (_, alone) = api.key(&plan).await;

    let decided = decide(&api, json!({"key": one, "cost": 4})).await;
    assert_eq!(
        (&decided["remaining"], &decided["key_id"]),
        (&json!(6), &json!(first))
    );
    assert_eq!(decide(&api, json!({"key": two})).await["remaining"], 5);
    assert_eq!(decide(&api, json!({"key": alone})).await["remaining"], 9);

    let refund = json!({"mode": "refund", "charge": decided["charge"]});
    assert_eq!(decide(&api, refund).await["refunded"], true);
    assert_eq!(decide(&api, json!({"key": two})).await["remaining"], 8);
}

pub(crate) async fn disabled_plan_denies_all_its_callers_and_keeps_their_usage(api: Arc<Api>) {
    let enabled = json!({"quotas": [{"limit": 10, "period": "day"}]});
    let plan = api.plan(enabled.clone()).await;
    let (_, secret) = api.key(&plan).await;
    assert_eq!(decide(&api, json!({"key": secret})).await["remaining"], 9);

    // A new plan is read after the old one has left the cache, so another plan is asked for.
    let mut disabled = enabled.clone();
    disabled["enabled"] = false.into();
    let off = api.plan(disabled.clone()).await;
    let shown = api.get(&format!("/plans/{off}")).await.json();
    assert_eq!(shown, disabled);
    for question in [
        json!({"key": api.key(&off).await.1}),
        json!({"subject": "alice", "plan": off}),
    ] {
        let decided = decide(&api, question).await;
        assert_eq!(
            (&decided["decision"], &decided["reason"]),
            (&json!("denied"), &json!("plan_disabled"))
        );
    }

    let path = format!("/plans/{plan}");
    for document in [disabled, enabled] {
        assert_eq!(api.send("PUT", &path, document).await.status, 200);
    }
    let shown = api.get(&path).await.json();
    assert_eq!(shown.get("enabled"), None);
    assert_eq!(decide(&api, json!({"key": secret})).await["remaining"], 8);
}
