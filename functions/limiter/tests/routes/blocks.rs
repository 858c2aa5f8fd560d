//! Blocks of callers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::audit_records::records;
use crate::support::{Api, unique};

pub(crate) async fn block_is_created_read_replaced_listed_and_removed(api: Arc<Api>) {
    let id = unique("key");
    let path = format!("/blocks/key/{id}");
    assert_eq!(api.get(&path).await.status, 404);

    let made = api.call("PUT", &path).send().await;
    assert_eq!(made.status, 201, "{made:?}");
    let expected = json!({"kind": "key", "id": id, "target": id, "until": null, "note": null,
        "created_at": "2026-11-22T12:00:00Z"});
    assert_eq!(made.json(), expected);
    let read = api.get(&path).await;
    assert_eq!((read.json(), read.etag()), (expected.clone(), made.etag()));

    let stale = api.call("PUT", &path).header("if-match", "\"0\"");
    assert_eq!(stale.send().await.status, 412);
    let until = "2026-11-22T13:00:00Z";
    let replaced = api
        .call("PUT", &path)
        .header("if-match", made.etag())
        .json(json!({"until": until, "note": "stolen"}))
        .send()
        .await;
    assert_eq!(
        (
            replaced.status,
            &replaced.json()["until"],
            &replaced.json()["note"]
        ),
        (200, &json!(until), &json!("stolen"))
    );

    let listed = api.get("/blocks").await.json();
    let items = listed["items"].as_array().unwrap();
    assert!(items.contains(&replaced.json()), "{listed}");
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);
    assert_eq!(api.call("DELETE", &path).send().await.status, 404);
}

pub(crate) async fn invalid_block_is_rejected(api: Arc<Api>) {
    for (path, parameter) in [
        ("/blocks/group/acme", "kind"),
        ("/blocks/sub/alice", "id"),
        ("/blocks/ip/192.0.2.0_24", "id"),
        ("/blocks/issuer/https:", "id"),
    ] {
        let refused = api.send("PUT", path, json!({})).await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (400, vec![parameter.to_owned()]),
            "{path}"
        );
    }

    for until in [
        json!("never"),
        json!("9999-12-31"),
        json!("9999-12-31T25:00:00Z"),
        json!(7),
    ] {
        let body = json!({"until": until});
        let refused = api.send("PUT", "/blocks/key/acme", body).await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (422, vec!["/until".to_owned()]),
            "{until}"
        );
    }

    let body = json!({"until": "2026-11-22T12:00:00Z", "note": "n".repeat(257), "reason": "x"});
    let refused = api.send("PUT", "/blocks/key/acme", body).await;
    assert_eq!(
        (refused.status, refused.mistakes()),
        (
            422,
            ["/note", "/reason", "/until"].map(str::to_owned).to_vec()
        )
    );
    assert_eq!(api.get("/blocks/key/acme").await.status, 404);
}

pub(crate) async fn block_may_end_on_the_last_day(api: Arc<Api>) {
    let id = unique("key");
    let path = format!("/blocks/key/{id}");
    let last = "9999-12-31T23:59:59Z";

    let made = api.send("PUT", &path, json!({"until": last})).await;
    assert_eq!((made.status, &made.json()["until"]), (201, &json!(last)));
    assert_eq!(api.get(&path).await.json()["until"], last);
    let found = records(&api, &format!("target=key/{id}")).await;
    assert_eq!(found[0]["changes"]["/until"], json!({"new": last}));

    let without = api.send("PUT", &path, json!({"until": null})).await;
    assert_eq!(
        (without.status, &without.json()["until"]),
        (200, &Value::Null)
    );
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);
}

pub(crate) async fn changes_of_a_block_are_recorded(api: Arc<Api>) {
    let id = unique("key");
    let path = format!("/blocks/key/{id}");
    let until = "2026-11-22T13:00:00Z";

    api.send("PUT", &path, json!({"note": "stolen"})).await;
    // Neither a repetition nor a rejected change is recorded.
    api.send("PUT", &path, json!({"note": "stolen"})).await;
    let stale = api.call("DELETE", &path).header("if-match", "\"0\"");
    assert_eq!(stale.send().await.status, 412);
    api.send("PUT", &path, json!({"note": "stolen", "until": until}))
        .await;
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);

    let mut found = records(&api, &format!("target=key/{id}")).await;
    found.sort_by_key(|record| record["changes"].to_string().len());
    let found: Vec<_> = found
        .iter()
        .map(|record| (record["action"].clone(), record["changes"].clone()))
        .collect();
    let now = "2026-11-22T12:00:00Z";
    let expected = [
        ("block.put", json!({"/until": {"old": null, "new": until}})),
        (
            "block.put",
            json!({"/created_at": {"new": now}, "/note": {"new": "stolen"}, "/until": {"new": null}}),
        ),
        (
            "block.delete",
            json!({"/created_at": {"old": now}, "/note": {"old": "stolen"}, "/until": {"old": until}}),
        ),
    ];
    assert_eq!(
        found,
        expected.map(|(action, changes)| (json!(action), changes))
    );
}

/// The embedded store alone: other stores apply a block within 30 s.
pub(crate) async fn blocked_callers_are_denied(_: Arc<Api>) {
    let api = Api::embedded();
    let plan = api.plan(json!({})).await;
    let (key_id, secret) = api.key(&plan).await;
    let issuer = "https://auth.example.com";
    let by_key = json!({"key": secret, "source_ip": "192.0.2.7"});
    let by_subject = json!({"issuer": issuer, "subject": "alice", "plan": plan});
    let from_address = json!({"subject": "alice", "plan": plan, "source_ip": "::ffff:192.0.2.7"});
    let decide = async |body: &Value| {
        let decided = api.send("POST", "/decisions", body.clone()).await.json();
        (decided["decision"].clone(), decided["reason"].clone())
    };
    let (allowed, denied) = (
        (json!("allowed"), json!("ok")),
        (json!("denied"), json!("blocked")),
    );

    let alice = limits::Caller::from_subject(issuer, "alice").to_string();
    let network = URL_SAFE_NO_PAD.encode("192.0.2.0/24");
    for (path, body) in [
        (format!("/blocks/key/{key_id}"), &by_key),
        (format!("/blocks/ip/{network}"), &by_key),
        (format!("/blocks/ip/{network}"), &from_address),
        (alice.replace("sub#", "/blocks/sub/"), &by_subject),
        (
            format!("/blocks/issuer/{}", URL_SAFE_NO_PAD.encode(issuer)),
            &by_subject,
        ),
    ] {
        assert_eq!(decide(body).await, allowed, "{path}");
        assert_eq!(api.send("PUT", &path, json!({})).await.status, 201);
        assert_eq!(decide(body).await, denied, "{path}");
        assert_eq!(api.call("DELETE", &path).send().await.status, 204);
        assert_eq!(decide(body).await, allowed, "{path}");
    }
}

/// The embedded store alone: other stores apply a block within 30 s.
pub(crate) async fn blocked_network_stops_only_subjects_from_its_addresses(_: Arc<Api>) {
    let api = Api::embedded();
    let plan = api.plan(json!({})).await;
    let blocked = api.call("PUT", "/blocks/ip/192.0.2.7").send().await;
    assert_eq!(blocked.status, 201);

    for (source, reason) in [
        (json!("192.0.2.7"), "blocked"),
        (json!("64:ff9b::c000:207"), "blocked"),
        (json!("192.0.2.8"), "ok"),
        // The service decides whether it sends the address.
        (Value::Null, "ok"),
    ] {
        let question = json!({"subject": "alice", "plan": plan, "source_ip": source});
        let decided = api.send("POST", "/decisions", question).await.json();
        assert_eq!(decided["reason"], reason, "{source}");
    }

    let question = json!({"subject": "alice", "plan": plan, "source_ip": "here"});
    let invalid = api.send("POST", "/decisions", question).await;
    assert_eq!(
        (invalid.status, invalid.mistakes()),
        (422, vec!["/source_ip".to_owned()])
    );
}

/// The embedded store alone: other stores apply a block within 30 s.
pub(crate) async fn issuer_that_can_be_blocked_is_accepted_by_decisions(_: Arc<Api>) {
    let api = Api::embedded();
    let plan = api.plan(json!({})).await;
    let decide = async |issuer: &str| {
        let question = json!({"issuer": issuer, "subject": "alice", "plan": plan});
        api.send("POST", "/decisions", question).await
    };

    for issuer in [
        "https://issuer.example/\"a\\b\u{fc} c".to_owned(),
        "a".repeat(1_024),
        "\u{fc}".repeat(512),
    ] {
        let path = format!("/blocks/issuer/{}", URL_SAFE_NO_PAD.encode(&issuer));
        assert_eq!(decide(&issuer).await.json()["reason"], "ok", "{issuer}");
        assert_eq!(api.call("PUT", &path).send().await.status, 201, "{issuer}");
        assert_eq!(
            decide(&issuer).await.json()["reason"],
            "blocked",
            "{issuer}"
        );
    }

    for issuer in ["a".repeat(1_025), "\u{fc}".repeat(513)] {
        let path = format!("/blocks/issuer/{}", URL_SAFE_NO_PAD.encode(&issuer));
        let refused = api.call("PUT", &path).send().await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (400, vec!["id".to_owned()])
        );
        let refused = decide(&issuer).await;
        assert_eq!(
            (refused.status, refused.mistakes()),
            (422, vec!["/issuer".to_owned()])
        );
    }
}
