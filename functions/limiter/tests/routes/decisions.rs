//! Decisions and refunds.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::Api;
use testing::Emulator;

async fn decide(api: &Api, question: Value) -> Value {
    let response = api.send("POST", "/decisions", question).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

pub(crate) async fn decision_is_charged_and_refunded(api: Arc<Api>) {
    let plan = json!({"quotas": [{"limit": 2, "period": "day"}], "routes": {"POST /pay": {"rate": 0.001, "burst": 1}}});
    let plan = api.plan(plan).await;
    let ask =
        |subject: &str, route: &str| json!({"subject": subject, "plan": plan, "route": route});
    let first = decide(&api, ask("alice", "POST /pay")).await;
    assert_eq!(
        (&first["decision"], &first["reason"], &first["route"]),
        (&json!("allowed"), &json!("ok"), &json!("POST /pay"))
    );

    let paid = decide(&api, ask("alice", "POST /pay")).await;
    assert_eq!(
        (&paid["decision"], &paid["reason"]),
        (&json!("throttled"), &json!("rate_exceeded"))
    );
    assert_eq!(paid["problem"]["violated-policies"], json!(["POST /pay"]));
    assert!(paid["retry_after"].as_u64().unwrap() >= 1);

    let second = decide(&api, ask("alice", "GET /x")).await;
    assert_eq!(
        (&second["limit"], &second["remaining"], &second["reset"]),
        (&json!(2), &json!(0), &json!(43_200))
    );

    let third = decide(&api, ask("alice", "GET /x")).await;
    assert_eq!(
        (&third["reason"], &third["problem"]["status"]),
        (&json!("quota_exceeded"), &json!(429))
    );
    assert_eq!(
        decide(&api, ask("bob", "GET /x")).await["decision"],
        "allowed"
    );

    let refund = json!({"mode": "refund", "charge": second["charge"]});
    assert_eq!(
        decide(&api, refund.clone()).await,
        json!({"refunded": true, "reason": "ok"})
    );
    assert_eq!(
        decide(&api, refund).await,
        json!({"refunded": false, "reason": "already_refunded"})
    );

    let peek = json!({"subject": "alice", "plan": plan, "mode": "peek", "cost": 0});
    assert_eq!(decide(&api, peek).await["remaining"], 1);
}

/// A caller of the decisions API has valid charges to copy parts from. Every combination and every
/// change is rejected.
pub(crate) async fn forged_charge_is_rejected(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 100, "period": "day"}]}))
        .await;
    let ask = |subject: &str, cost: u64| json!({"subject": subject, "plan": plan, "cost": cost});
    let mut charges = Vec::new();
    for (subject, cost) in [("mallory", 1), ("mallory", 50), ("trent", 50)] {
        let charge = decide(&api, ask(subject, cost)).await["charge"]
            .as_str()
            .unwrap()
            .to_owned();
        charges.push(charge.split('.').map(str::to_owned).collect::<Vec<_>>());
    }
    let [small, large, theirs] =
        [&charges[0], &charges[1], &charges[2]].map(|parts| [&*parts[0], &*parts[1], &*parts[2]]);
    let mut forged = vec![
        large[..2].join("."),
        [small[0], large[1], small[2]].join("."),
        [small[0], theirs[1], theirs[2]].join("."),
    ];
    // Positions in the nonce, and in the cost after caller and instant.
    for place in [4, 36, 40] {
        let mut changed = small[1].to_owned().into_bytes();
        changed[place] = if changed[place] == b'B' { b'C' } else { b'B' };
        forged.push([small[0], &String::from_utf8(changed).unwrap(), small[2]].join("."));
    }
    for charge in forged {
        let response = api
            .send(
                "POST",
                "/decisions",
                json!({"mode": "refund", "charge": charge}),
            )
            .await;
        assert_eq!(
            (response.status, response.mistakes()),
            (422, vec!["/charge".to_owned()]),
            "{charge}"
        );
    }
    let peek = |subject: &str| json!({"subject": subject, "plan": plan, "mode": "peek", "cost": 0});

    assert_eq!(decide(&api, peek("mallory")).await["remaining"], 49);
    assert_eq!(decide(&api, peek("trent")).await["remaining"], 50);
}

/// Several instances use the same tables.
#[tokio::test(flavor = "multi_thread")]
async fn charge_is_refunded_once_across_instances() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    let (first, second, third) = (
        Api::dynamodb(&url).await,
        Api::dynamodb(&url).await,
        Api::dynamodb(&url).await,
    );
    let plan = first
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let ask = json!({"subject": "victor", "plan": plan, "cost": 4});
    let (one, two) = tokio::join!(decide(&first, ask.clone()), decide(&second, ask));
    assert_ne!(one["charge"], two["charge"]);

    for made in [one, two] {
        let refund = json!({"mode": "refund", "charge": made["charge"]});
        let responses = tokio::join!(
            decide(&second, refund.clone()),
            decide(&third, refund.clone()),
            decide(&first, refund)
        );
        let refunded = [responses.0, responses.1, responses.2]
            .iter()
            .filter(|response| response["refunded"] == true)
            .count();
        assert_eq!(refunded, 1);
    }
    let peek = json!({"subject": "victor", "plan": plan, "mode": "peek", "cost": 0});
    assert_eq!(decide(&third, peek).await["remaining"], 10);
}

pub(crate) async fn peek_charges_nothing(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 5, "period": "day"}]}))
        .await;
    let (_, secret) = api.key(&plan).await;
    for _ in 0..3 {
        let seen = decide(&api, json!({"key": secret, "mode": "peek", "cost": 0})).await;
        assert_eq!((&seen["remaining"], seen.get("charge")), (&json!(5), None));
    }

    assert_eq!(decide(&api, json!({"key": secret})).await["remaining"], 4);
}

pub(crate) async fn peek_by_key_id_shows_the_limits_of_the_key(api: Arc<Api>) {
    let plan =
        json!({"throttle": {"rate": 0.001, "burst": 3}, "quotas": [{"limit": 5, "period": "day"}]});
    let plan = api.plan(plan).await;
    let (key_id, secret) = api.key(&plan).await;
    let peek = json!({"key_id": key_id, "mode": "peek"});
    decide(&api, json!({"key": secret})).await;

    for _ in 0..3 {
        let seen = decide(&api, peek.clone()).await;
        assert_eq!(
            (&seen["decision"], &seen["caller"], &seen["remaining"]),
            (
                &json!("allowed"),
                &json!(format!("key#{key_id}")),
                &json!(2)
            )
        );
    }

    let path = format!("/keys/{key_id}");
    api.send("PATCH", &path, json!({"allowed_ips": ["192.0.2.0/24"]}))
        .await;
    assert_eq!(decide(&api, peek.clone()).await["decision"], "allowed");
    let elsewhere = json!({"key_id": key_id, "mode": "peek", "source_ip": "198.51.100.1"});
    assert_eq!(
        decide(&api, elsewhere).await["reason"],
        "address_not_allowed"
    );

    api.send("PATCH", &path, json!({"enabled": false})).await;
    assert_eq!(decide(&api, peek).await["reason"], "key_disabled");
}

/// A call is only charged to a key whose secret the service was given.
pub(crate) async fn key_id_is_only_accepted_to_peek(api: Arc<Api>) {
    let plan = api.plan(json!({})).await;
    let (key_id, secret) = api.key(&plan).await;
    for (question, pointer) in [
        (json!({"key_id": key_id}), "/key_id"),
        (json!({"key_id": key_id, "mode": "consume"}), "/key_id"),
        (
            json!({"key_id": key_id, "key": secret, "mode": "peek"}),
            "/key_id",
        ),
        (
            json!({"key_id": key_id, "subject": "alice", "mode": "peek"}),
            "/subject",
        ),
        (
            json!({"key_id": key_id, "plan": plan, "mode": "peek"}),
            "/plan",
        ),
    ] {
        let response = api.send("POST", "/decisions", question.clone()).await;
        assert_eq!(
            (response.status, response.mistakes()),
            (422, vec![pointer.to_owned()]),
            "{question}"
        );
    }

    let unknown = json!({"key_id": "no-such-key", "mode": "peek"});
    assert_eq!(api.send("POST", "/decisions", unknown).await.status, 404);
}

/// The authorizer's context and events contain the same value.
pub(crate) async fn decision_names_the_charged_caller(api: Arc<Api>) {
    let own = api.plan(json!({})).await;
    let shared = api.plan(json!({"shared_by_plan": true})).await;
    let (key_id, key) = api.key(&own).await;
    let (_, sharing) = api.key(&shared).await;
    let grouped = json!({"plan": own, "group": "acme"});
    let grouped = api.send("POST", "/keys", grouped).await.json();
    let alice = limits::Caller::from_subject("https://issuer.example", "alice").to_string();

    for (question, caller) in [
        (json!({"key": key}), format!("key#{key_id}")),
        (json!({"key": grouped["key"]}), "group#acme".to_owned()),
        (json!({"key": sharing}), format!("plan#{shared}")),
        (
            json!({"issuer": "https://issuer.example", "subject": "alice", "plan": own}),
            alice,
        ),
    ] {
        assert_eq!(decide(&api, question).await["caller"], caller);
    }
}

pub(crate) async fn invalid_keys_are_denied(api: Arc<Api>) {
    let api = &*api;
    let make = |more: Value| async move {
        let mut body = json!({"plan": "free"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        api.send("POST", "/keys", body).await.json()["key"].clone()
    };
    let (off, over) = (
        make(json!({"enabled": false})).await,
        make(json!({"expires_at": "2026-11-22T12:00:00Z"})).await,
    );

    for (key, reason) in [
        (off, "key_disabled"),
        (over, "key_expired"),
        (json!("a-key-that-is-unknown-000001"), "unknown_key"),
        (json!("short"), "malformed_credentials"),
    ] {
        let response = decide(api, json!({"key": key})).await;
        assert_eq!(
            (&response["decision"], &response["reason"]),
            (&json!("denied"), &json!(reason))
        );
    }
}

pub(crate) async fn call_that_can_never_be_allowed_is_rejected(api: Arc<Api>) {
    let plan = api.plan(json!({"throttle": {"rate": 1, "burst": 5}})).await;
    let response = api
        .send(
            "POST",
            "/decisions",
            json!({"subject": "carol", "plan": plan, "cost": 6}),
        )
        .await;
    assert_eq!(
        (response.status, &response.json()["reason"]),
        (422, &json!("limit_impossible"))
    );

    assert_eq!(response.header("retry-after"), None);
}

pub(crate) async fn conflicting_fields_are_reported_at_once(api: Arc<Api>) {
    for (question, expected) in [
        (json!({}), ""),
        (
            json!({"key": "k", "subject": "s", "plan": "p"}),
            "/plan /subject",
        ),
        (json!({"subject": "s"}), "/plan"),
        (json!({"subject": "s", "plan": "nowhere"}), "/plan"),
        (
            json!({"mode": "refund", "key": "k", "cost": 1}),
            "/charge /cost /key",
        ),
        (json!({"mode": "refund", "charge": "made-up"}), "/charge"),
        (
            json!({"mode": "borrow", "cost": -1, "more": 1}),
            "/cost /mode /more",
        ),
        (
            json!({"subject": "", "plan": "open", "route": "GET", "charge": "x"}),
            "/charge /route /subject",
        ),
    ] {
        let response = api.send("POST", "/decisions", question.clone()).await;
        assert_eq!(
            (response.status, response.mistakes().join(" ")),
            (422, expected.to_owned()),
            "{question}"
        );
    }
}
