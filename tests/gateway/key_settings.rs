//! Settings of keys that restrict or take over a secret, through the gateway.

use http::StatusCode;
use serde_json::{Value, json};
use tests::{Gateway, Setup};

/// The secret that a key takes over, and its SHA-256.
const SECRET: &str = "key-of-another-system-000001";
const SECRET_SHA256: &str = "f32737f5c05f74d43a82675cd9963dabeb96c9a9f111e6debaf615d9e934cf51";

async fn put_key(gateway: &Gateway, key_id: &str, body: &Value) -> Value {
    let call = gateway
        .call("PUT", &format!("/_tollgate/v1/keys/{key_id}"))
        .header("content-type", "application/json");
    let answer = call.body(body.to_string()).send().await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()
}

fn secret_of(made: &Value) -> String {
    made["key"].as_str().unwrap().to_owned()
}

/// Returns the status, and the reason in the access log.
async fn status_and_reason(gateway: &Gateway, key: &str) -> (u16, String) {
    let before = gateway.log().len();
    let status = gateway.get("/orders", key).await.status.as_u16();
    // The line is written once the response is sent, which may be after the client has read it.
    while gateway.log().len() == before {
        tokio::task::yield_now().await;
    }
    let line = gateway.log().pop().unwrap();
    (status, line["reason"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_refused_from_an_address_that_it_does_not_allow() {
    let gateway = Setup::default().start().await;
    let allow = async |addresses: Value| {
        put_key(
            &gateway,
            "acme",
            &json!({"plan": "pro", "allowed_ips": addresses}),
        )
        .await
    };
    let secret = secret_of(&allow(json!(["192.0.2.0/24"])).await);

    let refused = (403, "address_not_allowed".to_owned());
    assert_eq!(status_and_reason(&gateway, &secret).await, refused);

    // Only the address of the connection counts, not one that the client writes into a header.
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let call = gateway.call("GET", "/orders").header("x-api-key", &secret);
        let answer = call.header(header, "192.0.2.7").send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header}");
    }

    allow(json!(["192.0.2.0/24", "127.0.0.1"])).await;
    assert_eq!(
        status_and_reason(&gateway, &secret).await,
        (200, "ok".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_is_taken_over_by_its_hash_works_and_has_its_prefix() {
    let gateway = Setup::default().start().await;
    let unknown = (401, "unknown_key".to_owned());
    assert_eq!(status_and_reason(&gateway, SECRET).await.0, unknown.0);

    let body = json!({"plan": "pro", "hash": SECRET_SHA256, "prefix": "acme_"});
    let made = put_key(&gateway, "acme", &body).await;
    assert_eq!(made.get("key"), None, "only the client knows the secret");
    let served = gateway.get("/orders", SECRET).await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.echoed("x-tollgate-key-id").as_deref(), Some("acme"));

    // The prefix is for the secrets that Tollgate generates.
    let rotate = gateway
        .call("POST", "/_tollgate/v1/keys/acme/rotate")
        .header("content-type", "application/json")
        .body(json!({"grace_s": 0}).to_string());
    let rotated = secret_of(&rotate.send().await.json());
    assert!(rotated.starts_with("acme_"), "the prefix is missing");
    assert_eq!(status_and_reason(&gateway, &rotated).await.0, 200);
    assert_eq!(status_and_reason(&gateway, SECRET).await.0, 401);
}
