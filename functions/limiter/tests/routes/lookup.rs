//! The key of a secret.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::keys_put::sha256;
use crate::support::{Api, Response, idempotency_key};

async fn look_up(api: &Api, secret: &str) -> Response {
    api.send("POST", "/keys/lookup", json!({"hash": sha256(secret)}))
        .await
}

/// Rotates a key, and returns its new secret.
async fn rotate(api: &Api, key_id: &str, grace_s: u32) -> String {
    let rotated = api
        .call("POST", &format!("/keys/{key_id}/rotate"))
        .header("idempotency-key", &idempotency_key())
        .json(json!({"grace_s": grace_s}))
        .send()
        .await;
    rotated.json()["key"].as_str().unwrap().to_owned()
}

fn found(response: &Response) -> (Value, Value) {
    assert_eq!(response.status, 200, "{response:?}");
    let body = response.json();
    (body["key_id"].clone(), body["secret"].clone())
}

pub(crate) async fn key_is_found_by_each_of_its_secrets(api: Arc<Api>) {
    let (key_id, first) = api.key("free").await;
    let looked_up = look_up(&api, &first).await;
    assert_eq!(found(&looked_up), (json!(key_id), json!("present")));
    let read = api.get(&format!("/keys/{key_id}")).await;
    assert_eq!(looked_up.etag(), read.etag());
    assert!(!looked_up.text.contains(&first));

    let second = rotate(&api, &key_id, 3_600).await;
    let secret_state = async |secret| found(&look_up(&api, secret).await);
    assert_eq!(
        secret_state(&first).await,
        (json!(key_id), json!("earlier"))
    );
    assert_eq!(
        secret_state(&second).await,
        (json!(key_id), json!("present"))
    );

    let third = rotate(&api, &key_id, 0).await;
    for ended in [&first, &second] {
        assert_eq!(secret_state(ended).await, (json!(key_id), json!("ended")));
    }
    assert_eq!(
        secret_state(&third).await,
        (json!(key_id), json!("present"))
    );
}

pub(crate) async fn disabled_key_is_found(api: Arc<Api>) {
    let (key_id, secret) = api.key("free").await;
    let path = format!("/keys/{key_id}");
    api.send("PATCH", &path, json!({"enabled": false})).await;

    let looked_up = look_up(&api, &secret).await;
    assert_eq!(found(&looked_up), (json!(key_id), json!("present")));
    assert_eq!(looked_up.json()["enabled"], false);
}

pub(crate) async fn secrets_of_no_key_and_of_deleted_keys_are_not_found(api: Arc<Api>) {
    let (key_id, first) = api.key("free").await;
    let second = rotate(&api, &key_id, 3_600).await;
    let deleted = api.call("DELETE", &format!("/keys/{key_id}")).send().await;
    assert_eq!(deleted.status, 204);

    for secret in [&first, &second, "a-secret-that-was-never-used"] {
        assert_eq!(look_up(&api, secret).await.status, 404, "{secret}");
    }
}

pub(crate) async fn secret_itself_is_rejected_and_not_repeated(api: Arc<Api>) {
    let (_, secret) = api.key("free").await;
    let body = json!({"hash": secret});
    let rejected = api.send("POST", "/keys/lookup", body).await;

    assert_eq!(rejected.status, 422);
    assert_eq!(rejected.mistakes(), ["/hash"]);
    assert!(!rejected.text.contains(&secret), "{rejected:?}");
}

pub(crate) async fn rotation_takes_over_a_secret_by_its_hash(api: Arc<Api>) {
    let (key_id, first) = api.key("free").await;
    let second = "a-secret-that-the-client-made";
    let path = format!("/keys/{key_id}/rotate");
    let body = json!({"grace_s": 0, "hash": sha256(second)});
    let rotated = api.send("POST", &path, body.clone()).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert_eq!(
        (rotated.json().get("key"), rotated.json().get("hint")),
        (None, None)
    );

    let secret_state = async |secret| found(&look_up(&api, secret).await);
    assert_eq!(secret_state(&first).await, (json!(key_id), json!("ended")));
    assert_eq!(
        secret_state(second).await,
        (json!(key_id), json!("present"))
    );

    assert_eq!(api.send("POST", &path, body).await.status, 409);
    let invalid = api.send("POST", &path, json!({"hash": second})).await;
    assert_eq!(
        (invalid.status, invalid.mistakes()),
        (422, vec!["/hash".to_owned()])
    );
    assert!(!invalid.text.contains(second), "{invalid:?}");
}
