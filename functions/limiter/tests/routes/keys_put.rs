//! Keys with ids, secrets and prefixes that the client chooses.

use std::sync::Arc;

use registry::KeyHash;
use serde_json::{Value, json};

use crate::support::{Api, Response, idempotency_key, unique};

async fn put(api: &Api, key_id: &str, body: Value) -> Response {
    api.send("PUT", &format!("/keys/{key_id}"), body).await
}

async fn reason(api: &Api, secret: &str) -> Value {
    let response = api.send("POST", "/decisions", json!({"key": secret})).await;
    response.json()["reason"].clone()
}

pub(crate) fn sha256(secret: &str) -> Value {
    serde_json::to_value(KeyHash::of(secret).unwrap()).unwrap()
}

pub(crate) async fn key_with_a_chosen_id_is_created_and_changed(api: Arc<Api>) {
    let id = unique("acme");
    let without_plan = put(&api, &id, json!({"name": "Acme"})).await;
    assert_eq!(
        (without_plan.status, without_plan.mistakes()),
        (422, vec!["/plan".to_owned()])
    );

    let made = put(
        &api,
        &id,
        json!({"plan": "open", "name": "Acme", "metadata": {"a": "1"}}),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let location = format!("/_tollgate/v1/keys/{id}");
    assert_eq!(made.header("location"), Some(&*location));
    let secret = made.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["key_id"], id);
    assert_eq!(reason(&api, &secret).await, "ok");

    let path = format!("/keys/{id}");
    let off = api.send("PATCH", &path, json!({"enabled": false})).await;
    assert_eq!(off.status, 200);
    let changed = put(
        &api,
        &id,
        json!({"name": null, "group": "acme", "metadata": {"b": "2"}}),
    )
    .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let shown = changed.json();
    assert_eq!(shown.get("key"), None);
    assert_eq!(shown.get("name"), None);
    assert_eq!(
        (&shown["enabled"], &shown["plan"]),
        (&json!(false), &json!("open"))
    );
    assert_eq!(
        (&shown["group"], &shown["metadata"]),
        (&json!("acme"), &json!({"a": "1", "b": "2"}))
    );

    let again = put(&api, &id, json!({"name": null, "group": "acme"})).await;
    assert_eq!(again.etag(), changed.etag(), "nothing changes");
}

pub(crate) async fn precondition_of_a_put_decides_between_creation_and_change(api: Arc<Api>) {
    let id = unique("acme");
    let send = |name: &'static str, value: String| {
        let call = api.call("PUT", &format!("/keys/{id}")).header(name, &value);
        call.json(json!({"plan": "open"})).send()
    };
    assert_eq!(send("if-match", "*".to_owned()).await.status, 412);
    let made = send("if-none-match", "*".to_owned()).await;
    assert_eq!(made.status, 201);
    assert_eq!(send("if-none-match", "*".to_owned()).await.status, 412);
    assert_eq!(send("if-match", made.etag().to_owned()).await.status, 200);
    assert_eq!(send("if-match", "\"other\"".to_owned()).await.status, 412);
}

pub(crate) async fn id_of_another_form_is_rejected(api: Arc<Api>) {
    for id in ["a", "Acme", "a.b", "-a", "bulk", "export", &"a".repeat(65)] {
        let response = put(&api, id, json!({"plan": "open"})).await;
        assert!([400, 405].contains(&response.status), "{id}: {response:?}");
    }

    for id in ["-a", "bulk", "a/b"] {
        let body = json!({"plan": "open", "hash": sha256(&unique("secret-of-a-moved-key"))});
        let response = put(&api, id, body).await;
        assert!(
            [400, 404, 405, 422].contains(&response.status),
            "{id}: {response:?}"
        );
    }

    let (id, _) = api.key("open").await;
    let changed = put(&api, &id, json!({"name": "x"})).await;
    assert_eq!(changed.status, 200, "a generated id can be changed");
}

pub(crate) async fn moved_key_keeps_its_id_and_its_secret(api: Arc<Api>) {
    let (id, secret) = (unique("Key.Of_Another"), unique("secret-of-a-moved-key"));
    let body = json!({"plan": "open", "hash": sha256(&secret)});
    assert_eq!(put(&api, &id, body).await.status, 201);
    assert_eq!(reason(&api, &secret).await, "ok");
}

pub(crate) async fn concurrent_puts_create_one_key(api: Arc<Api>) {
    let id = unique("acme");
    let requests = (0..6).map(|_| {
        let (api, id) = (Arc::clone(&api), id.clone());
        tokio::spawn(async move { put(&api, &id, json!({"plan": "open"})).await })
    });
    let requests: Vec<_> = requests.collect();
    let mut secrets = Vec::new();
    for request in requests {
        let response = request.await.unwrap();
        match response.status {
            201 => secrets.push(response.json()["key"].as_str().unwrap().to_owned()),
            200 => assert_eq!(response.json().get("key"), None),
            status => panic!("{status}: {response:?}"),
        }
    }
    assert_eq!(secrets.len(), 1);
    assert_eq!(reason(&api, &secrets[0]).await, "ok");
}

pub(crate) async fn repeated_put_returns_the_same_secret(api: Arc<Api>) {
    let (id, once) = (unique("acme"), idempotency_key());
    let create = |body: Value| {
        let call = api.call("PUT", &format!("/keys/{id}"));
        call.header("idempotency-key", &once).json(body).send()
    };
    let first = create(json!({"plan": "open"})).await;
    let again = create(json!({"plan": "open"})).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["key"], again.json()["key"]);
    assert_eq!(create(json!({"plan": "free"})).await.status, 422);
}

pub(crate) async fn secret_is_taken_over_by_its_hash(api: Arc<Api>) {
    let secret = format!("a-secret-of-another-system-{}", unique("s"));
    let id = unique("acme");
    let body = json!({"plan": "open", "hash": sha256(&secret)});
    let made = put(&api, &id, body.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let shown = made.json();
    assert_eq!((shown.get("key"), shown.get("hint")), (None, None));
    assert_eq!(reason(&api, &secret).await, "ok");

    assert_eq!(put(&api, &id, body.clone()).await.status, 200);
    let other = json!({"hash": sha256("another-secret-of-a-key-1")});
    let refused = put(&api, &id, other).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("rotate"), "{refused:?}");

    let stolen = put(&api, &unique("acme"), body.clone()).await;
    assert_eq!(stolen.status, 409);
    assert_eq!(api.send("POST", "/keys", body).await.status, 409);

    let posted = format!("a-secret-of-another-system-{}", unique("s"));
    let made = api
        .send(
            "POST",
            "/keys",
            json!({"plan": "open", "hash": sha256(&posted)}),
        )
        .await;
    assert_eq!((made.status, made.json().get("key")), (201, None));
    assert_eq!(reason(&api, &posted).await, "ok");

    let invalid = put(
        &api,
        &unique("acme"),
        json!({"plan": "open", "hash": posted}),
    )
    .await;
    assert_eq!(
        (invalid.status, invalid.mistakes()),
        (422, vec!["/hash".to_owned()])
    );
    assert!(!invalid.text.contains(&posted));
}

pub(crate) async fn id_of_a_deleted_key_is_not_used_again(api: Arc<Api>) {
    let id = unique("acme");
    assert_eq!(put(&api, &id, json!({"plan": "open"})).await.status, 201);
    let path = format!("/keys/{id}");
    assert_eq!(api.call("DELETE", &path).send().await.status, 204);

    let refused = put(&api, &id, json!({"plan": "open"})).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    // 400 days after the deletion.
    assert!(refused.text.contains("2027-12-27T12:00:00Z"), "{refused:?}");

    let file = format!(
        "KeyId,Key,UsagePlanIds\n{id},{},open\n",
        unique("a-secret-of-a-file-0000")
    );
    let imported = api
        .call("POST", "/keys/import")
        .body("text/csv", &file)
        .send()
        .await;
    let errors = imported.json()["errors"].to_string();
    assert!(errors.contains("deleted key"), "{imported:?}");
}

pub(crate) async fn secrets_have_the_prefix_of_their_key(api: Arc<Api>) {
    let begins = |response: &Response, prefix: &str| {
        let shown = response.json();
        let secret = shown["key"].as_str().unwrap().to_owned();
        assert!(secret.starts_with(prefix), "{prefix}");
        assert_eq!(shown["hint"], secret[secret.len() - 4..]);
    };
    let id = unique("acme");
    let made = put(&api, &id, json!({"plan": "open", "prefix": "acme_live_"})).await;
    begins(&made, "acme_live_");
    let path = format!("/keys/{id}/rotate");
    begins(&api.send("POST", &path, json!({})).await, "acme_live_");
    begins(
        &api.send("POST", &path, json!({"prefix": "acme_test_"}))
            .await,
        "acme_test_",
    );
    begins(
        &api.send("POST", &path, json!({"grace_s": 0})).await,
        "acme_test_",
    );
    let posted = api
        .send("POST", "/keys", json!({"plan": "open", "prefix": "a_"}))
        .await;
    begins(&posted, "a_");

    for prefix in ["", "acme", "a-b_", "ä_", &("a".repeat(32) + "_")] {
        for response in [
            api.send("POST", "/keys", json!({"plan": "open", "prefix": prefix}))
                .await,
            api.send("POST", &path, json!({"prefix": prefix})).await,
            put(
                &api,
                &unique("acme"),
                json!({"plan": "open", "prefix": prefix}),
            )
            .await,
        ] {
            assert_eq!(
                (response.status, response.mistakes()),
                (422, vec!["/prefix".to_owned()])
            );
        }
    }
}

pub(crate) async fn hashes_of_present_secrets_are_listed_page_by_page(api: Arc<Api>) {
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (id, _) = api.key("open").await;
        let path = format!("/keys/{id}/rotate");
        let rotated = api.send("POST", &path, json!({})).await.json();
        let secret = rotated["key"].as_str().unwrap().to_owned();
        expected.push(json!({"key_id": id, "hash": sha256(&secret)}));
    }

    let (mut listed, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = api.get(&format!("/keys/hashes{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        listed.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    for key in expected {
        let found = listed.iter().filter(|item| item["key_id"] == key["key_id"]);
        assert_eq!(found.collect::<Vec<_>>(), [&key]);
    }

    let other_list = api.get("/keys?limit=1").await.json();
    let cursor = other_list["next_cursor"].as_str().unwrap();
    let refused = api.get(&format!("/keys/hashes?cursor={cursor}")).await;
    assert_eq!(
        (refused.status, refused.mistakes()),
        (400, vec!["cursor".to_owned()])
    );
}
