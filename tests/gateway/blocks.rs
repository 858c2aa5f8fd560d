//! Blocks of callers through the gateway.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use testing::Emulator;
use tests::{FREE, Gateway, PRO, Setup};

/// The time within which every instance applies a block.
const MAX_DELAY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

async fn send(gateway: &Gateway, method: &str, path: &str, body: &Value) -> StatusCode {
    let call = gateway
        .call(method, &format!("/_tollgate/v1/blocks/{path}"))
        .header("content-type", "application/json");
    call.body(body.to_string()).send().await.status
}

async fn block(gateway: &Gateway, path: &str) {
    let status = send(gateway, "PUT", path, &json!({"note": "a note"})).await;
    assert_eq!(status, StatusCode::CREATED, "{path}");
}

async fn unblock(gateway: &Gateway, path: &str) {
    let status = send(gateway, "DELETE", path, &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{path}");
}

async fn status(gateway: &Gateway, key: &str) -> u16 {
    gateway.get("/orders", key).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_caller_gets_403_until_the_block_is_removed() {
    let gateway = Setup::default().start().await;
    let token = format!("Bearer {}", tests::token("alice", None, Some("pro")));
    let statuses = async || {
        let with_token = gateway.call("GET", "/orders");
        let with_token = with_token.header("authorization", &token).send().await;
        [status(&gateway, PRO).await, with_token.status.as_u16()]
    };
    assert_eq!(statuses().await, [200, 200]);

    let issuer = issuer_of(&token);
    let issuer_path = format!("issuer/{}", URL_SAFE_NO_PAD.encode(&issuer));
    let subject = limits::Caller::from_subject(&issuer, "alice").to_string();
    let network = format!("ip/{}", URL_SAFE_NO_PAD.encode("127.0.0.0/8"));
    for (path, expected) in [
        ("key/local-pro", [403, 200]),
        (&subject.replace('#', "/"), [200, 403]),
        (&issuer_path, [200, 403]),
        ("ip/127.0.0.1", [403, 403]),
        (&network, [403, 403]),
        ("ip/192.0.2.7", [200, 200]),
    ] {
        block(&gateway, path).await;
        assert_eq!(statuses().await, expected, "{path}");
        unblock(&gateway, path).await;
        assert_eq!(statuses().await, [200, 200], "{path}");
    }
}

fn issuer_of(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["iss"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn access_log_names_the_reason_and_the_client_does_not_see_the_note() {
    let gateway = Setup::default().start().await;
    block(&gateway, "key/local-pro").await;
    let before = gateway.log().len();

    let usage = gateway.get("/_tollgate/usage", PRO).await;
    assert_eq!(usage.status, StatusCode::FORBIDDEN, "its own usage too");
    let refused = gateway.get("/orders", PRO).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let text = String::from_utf8_lossy(&refused.body);
    assert!(!text.contains("note"), "{text}");

    // The line is written once the response is sent, which may be after the client has read it.
    while gateway.log().len() < before + 2 {
        tokio::task::yield_now().await;
    }
    let line = gateway.log().pop().unwrap();
    assert_eq!(
        (&line["reason"], &line["status"], &line["key_id"]),
        (&json!("blocked"), &json!("403"), &json!("local-pro"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_applies_a_block_within_30_seconds() {
    let server = Emulator::ministack();
    let start = || Setup::default().endpoint(&server.url()).start();
    let (first, second) = tokio::join!(start(), start());
    for gateway in [&first, &second] {
        assert_eq!(status(gateway, PRO).await, 200);
    }

    block(&first, "key/local-pro").await;
    let blocked_at = Instant::now();
    assert_eq!(status(&start().await, PRO).await, 403, "a new instance");
    for gateway in [&first, &second] {
        while status(gateway, PRO).await != 403 {
            assert!(blocked_at.elapsed() < MAX_DELAY, "the block is not applied");
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(status(gateway, FREE).await, 200);
    }
}
