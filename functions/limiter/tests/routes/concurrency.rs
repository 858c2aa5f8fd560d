//! What a client needs to change a configuration as a whole: versions, conditions, and requests
//! that can be repeated.

use std::sync::Arc;

use registry::KeyHash;
use serde_json::{Value, json};

use crate::audit_records::records;
use crate::managed_by::listed;
use crate::support::{Api, unique};

/// The objects of a configuration: the list, the name, and two bodies.
fn objects() -> Vec<(&'static str, String, Value, Value)> {
    let rules = |auth: &str| json!({"rules": [{"match": "GET /", "auth": auth}]});
    let composition =
        |path: &str| json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": path}}}}});
    let secret = format!("a-secret-of-a-configuration-{}", unique("s"));
    let hash = KeyHash::of(&secret).unwrap();
    vec![
        (
            "plans",
            unique("plan"),
            json!({"throttle": {"rate": 0.5, "burst": 10}, "quotas": [{"limit": 9, "period": "month"}]}),
            json!({"near_limit": 0.5}),
        ),
        ("policies", unique("policy"), rules("any"), rules("none")),
        (
            "compositions",
            unique("composition"),
            composition("/a"),
            composition("/b"),
        ),
        (
            "keys",
            unique("key"),
            json!({"plan": "open", "hash": hash, "metadata": {"b": "2", "a": "1"}, "scopes": ["a"],
                "allowed_ips": ["192.0.2.0/24"], "expires_at": "2030-01-01T00:00:00Z"}),
            json!({"plan": "open", "hash": hash, "name": "Acme"}),
        ),
    ]
}

pub(crate) async fn listed_entity_tag_is_that_of_the_document(api: Arc<Api>) {
    for (kind, name, first, second) in objects() {
        let path = format!("/{kind}/{name}");
        for body in [first, second] {
            let put = api.send("PUT", &path, body).await;
            assert!(put.status < 300, "{put:?}");

            let tag = api.get(&path).await.etag().to_owned();
            assert_eq!(put.etag(), tag, "{path}");
            assert_eq!(listed(&api, kind, &name).await["etag"], *tag);
        }
    }

    let (key_id, _) = api.key("open").await;
    let before = api.get(&format!("/keys/{key_id}")).await;
    api.charge(&key_id, 1).await;
    api.finish().await;
    let after = api.get(&format!("/keys/{key_id}")).await;
    assert_ne!(before.json()["last_used_on"], after.json()["last_used_on"]);
    assert_eq!(before.etag(), after.etag());
    assert_eq!(listed(&api, "keys", &key_id).await["etag"], *after.etag());
}

pub(crate) async fn repeated_put_changes_nothing_and_has_no_record(api: Arc<Api>) {
    for (kind, name, body, _) in objects() {
        let path = format!("/{kind}/{name}");
        let made = api.send("PUT", &path, body.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");

        let tag = made.etag().to_owned();
        for condition in [None, Some(&tag)] {
            let mut call = api.call("PUT", &path).json(body.clone());
            if let Some(tag) = condition {
                call = call.header("if-match", tag);
            }
            let again = call.send().await;
            assert_eq!((again.status, again.etag()), (200, &*tag), "{again:?}");
        }
        let found = records(&api, &format!("target={name}")).await;
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

pub(crate) async fn put_and_delete_require_the_version_that_was_read(api: Arc<Api>) {
    for (kind, name, first, second) in objects() {
        let path = format!("/{kind}/{name}");
        let send = |method: &'static str, header: &'static str, tag: &str, body: &Value| {
            let call = api.call(method, &path).header(header, tag);
            let call = if method == "PUT" {
                call.json(body.clone())
            } else {
                call
            };
            call.send()
        };
        assert_eq!(send("PUT", "if-match", "*", &first).await.status, 412);
        let made = send("PUT", "if-none-match", "*", &first).await;
        assert_eq!(made.status, 201, "{made:?}");
        let again = send("PUT", "if-none-match", "*", &first).await;
        assert_eq!(again.status, 412, "{again:?}");

        let stale = made.etag().to_owned();
        let changed = send("PUT", "if-match", &stale, &second).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        for method in ["PUT", "DELETE"] {
            let lost = send(method, "if-match", &stale, &first).await;
            assert_eq!(lost.status, 412, "{method} {path}");
        }
        assert_eq!(api.get(&path).await.etag(), changed.etag());

        let deleted = send("DELETE", "if-match", changed.etag(), &first).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        let gone = send("DELETE", "if-match", changed.etag(), &first).await;
        assert_eq!(gone.status, 404, "{gone:?}");
    }
}

pub(crate) async fn repeated_creation_of_a_key_is_recognized_by_its_hash(api: Arc<Api>) {
    let path = format!("/keys/{}", unique("key"));
    let hash =
        |letter: &str| KeyHash::of(&format!("{letter}-{}", unique("secret-of-a-key"))).unwrap();
    let (mine, other) = (hash("mine"), hash("other"));
    let create = |hash: KeyHash| {
        let call = api.call("PUT", &path).header("if-none-match", "*");
        call.json(json!({"plan": "open", "hash": hash})).send()
    };

    assert_eq!(create(mine).await.status, 201);
    // The key exists with this secret: an earlier attempt has created it.
    assert_eq!(create(mine).await.status, 412);
    // The key exists with another secret: another program has created it.
    assert_eq!(create(other).await.status, 409);
    let same = api.send("PUT", &path, json!({"hash": mine})).await;
    assert_eq!(same.status, 200, "{same:?}");
}

pub(crate) async fn policy_that_is_too_large_is_rejected(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let policy = |rules: usize| {
        let rules: Vec<_> = (0..rules)
            .map(|rule| json!({"match": format!("GET /{rule:0>180}"), "auth": "any"}))
            .collect();
        json!({"rules": rules})
    };

    let large = policy(1_000);
    assert!(large.to_string().len() > 200_000);
    let stored = api.send("PUT", &path, large).await;
    assert_eq!(stored.status, 201, "{}", stored.text.len());
    let replaced = api.send("PUT", &path, policy(1_001)).await;
    assert_eq!(replaced.status, 200);

    let refused = api.send("PUT", &path, policy(1_300)).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    assert!(refused.text.contains("262144 bytes"), "{refused:?}");
}
