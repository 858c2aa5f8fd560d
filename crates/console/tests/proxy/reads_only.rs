//! A proxy without `--write`.

use serde_json::{Value, json};
use testing::HttpReply;

use crate::setup::{PLANS, Setup, TARGET};

#[tokio::test]
async fn changes_are_refused_with_the_next_step() {
    let setup = Setup::start().await;
    let change = json!({"a": 1});
    for (method, path) in [
        ("PUT", "/_tollgate/v1/plans/free"),
        ("PATCH", "/_tollgate/v1/keys/acme"),
        ("DELETE", "/_tollgate/v1/keys/acme"),
        ("POST", "/_tollgate/v1/keys"),
        ("POST", "/_tollgate/v1/keys/bulk"),
        ("POST", "/_tollgate/v1/keys/lookup/more"),
        ("POST", "/_tollgate/v1/keys/import"),
        ("POST", "/_tollgate/v1/decisions"),
        ("PUT", "/_tollgate/v1/keys/lookup"),
        ("DELETE", "/_tollgate/v1/keys/lookup"),
        ("PUT", "/_tollgate/v1/decisions"),
        ("POST", "/_tollgate/openapi.json"),
    ] {
        let reply = setup.page_sends(method, path, Some(&change)).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        assert!(reply.detail().contains("--write"), "{reply:?}");
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn reads_pass() {
    let setup = Setup::start().await;
    let peek = json!({"key_id": "acme", "mode": "peek"});
    for (method, path, body) in [
        ("GET", PLANS, None),
        ("HEAD", PLANS, None),
        (
            "POST",
            "/_tollgate/v1/keys/lookup",
            Some(&json!({"hash": "a"})),
        ),
        ("POST", "/_tollgate/v1/decisions", Some(&peek)),
    ] {
        setup.server.reply(
            &format!("{method} {path}"),
            HttpReply::json(200, &json!({})),
        );
        let reply = setup.page_sends(method, path, body).await;
        assert_eq!(reply.status, 200, "{method} {path}: {reply:?}");
    }
    assert_eq!(setup.server.requests().len(), 4);
}

#[tokio::test]
async fn only_a_decision_in_mode_peek_is_a_read() {
    let setup = Setup::start().await;
    for body in [
        r#"{"key_id": "a"}"#,
        r#"{"key_id": "a", "mode": "consume"}"#,
        r#"{"charge": "a", "mode": "refund"}"#,
        r#"{"key_id": "a", "mode": "PEEK"}"#,
        r#"{"key_id": "a", "mode": ["peek"]}"#,
        r#"{"mode": "peek", "mode": "consume"}"#,
        r#"{"mode": "consume", "mode": "peek"}"#,
        r#"{"mode": "peek", "mo\u0064e": "consume"}"#,
        r#"{"mode": "peek"} {"mode": "consume"}"#,
        r#"[{"mode": "peek"}]"#,
        r#"["peek"]"#,
        "mode=peek",
    ] {
        let call = setup.sent_by_page("POST", "/_tollgate/v1/decisions", &setup.session().await);
        let call = call
            .header("content-type", "application/json")
            .text(body.to_owned());
        assert_eq!(call.send(setup.address).await.status, 403, "{body}");
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn target_says_whether_the_console_may_write() {
    for (setup, expected) in [
        (Setup::start().await, false),
        (Setup::writing().await, true),
    ] {
        let target: Value = setup.page_sends("GET", TARGET, None).await.json();
        assert_eq!(target["kind"], "deployed");
        assert_eq!(target["may_write"], expected);
        assert_eq!(target["read_only_reason"].is_string(), !expected);
    }
}
