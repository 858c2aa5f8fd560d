//! Errors that are found before a handler does anything.

use serde_json::{Value, json};

use crate::support::Api;
use testing::Emulator;

#[tokio::test]
async fn admin_requires_iam() {
    let api = Api::embedded();
    for authorizer in [
        Value::Null,
        json!({"lambda": {"key_id": "seeded"}}),
        json!({"jwt": {"claims": {}, "scopes": null}}),
    ] {
        for (method, path) in [
            ("GET", "/plans"),
            ("POST", "/keys"),
            ("DELETE", "/plans/free"),
            ("POST", "/decisions"),
        ] {
            let call = api.call_as(method, &format!("/_tollgate/v1{path}"), authorizer.clone());
            assert_eq!(
                call.json(json!({"plan": "free"})).send().await.status,
                403,
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn every_error_has_its_status_and_a_problem_document() {
    let api = Api::embedded();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(256 * 1024));
    for (method, path, kind, body, status) in [
        ("GET", "/nowhere", "", "", 404),
        ("GET", "/plans/nowhere", "", "", 404),
        ("POST", "/plans", "", "", 405),
        ("PUT", "/plans/p", "text/plain", "{}", 415),
        ("PUT", "/plans/p", "", "{}", 415),
        ("POST", "/keys/import", "application/json", "{}", 415),
        ("PUT", "/plans/p", "application/json", &large, 413),
        ("PUT", "/plans/p", "application/json", "{", 400),
        ("PUT", "/plans/p", "application/json", "", 400),
        ("PUT", "/plans/p", "application/json", "[]", 422),
        (
            "PUT",
            "/plans/p",
            "application/json",
            r#"{"near_limit":0.1,"near_limit":0.9}"#,
            422,
        ),
        ("PUT", "/plans/p?x=1", "application/json", "{}", 400),
    ] {
        let response = api.call(method, path).body(kind, body).send().await;
        assert_eq!(response.status, status, "{method} {path} {kind}");
        drop(response.mistakes());
    }
    assert_eq!(
        api.call("POST", "/plans").send().await.header("allow"),
        Some("GET,HEAD")
    );
    assert_eq!(
        api.call("GET", "/plans")
            .header("accept", "image/png")
            .send()
            .await
            .status,
        406
    );

    let condition = api
        .call("PUT", "/plans/p")
        .header("if-match", "x")
        .json(json!({}))
        .send()
        .await;
    assert_eq!(
        (condition.status, condition.mistakes()),
        (400, vec!["if-match".to_owned()])
    );
}

#[tokio::test]
async fn unusual_paths_are_client_errors() {
    let api = Api::embedded();
    for path in [
        "/keys/a b",
        "/keys/%",
        "/keys/ü\u{7f}",
        "/plans/{}|^",
        "/keys/\"<>\"",
        "//",
        "/keys/../plans",
        "/./plans",
        "/plans/.",
    ] {
        let response = api.get(path).await;
        assert!(
            (400..500).contains(&response.status),
            "{path}: {response:?}"
        );
    }
}

#[tokio::test]
async fn store_failure_says_whether_a_write_may_have_been_applied() {
    let server = Emulator::ministack();
    let api = Api::dynamodb(&format!("http://{}", server.address)).await;
    let (key_id, _) = api.key("free").await;
    drop(server);
    let (key, usage) = (format!("/keys/{key_id}"), format!("/keys/{key_id}/usage"));

    for (method, path, body, may_be_applied) in [
        ("GET", "/plans", Value::Null, false),
        ("GET", "/plans/free", Value::Null, false),
        ("GET", &usage, Value::Null, false),
        (
            "POST",
            "/decisions",
            json!({"mode": "refund", "charge": "x"}),
            false,
        ),
        ("PUT", "/plans/free", json!({}), true),
        // It reads the policies that may name the plan first, and nothing is written.
        ("DELETE", "/plans/free", Value::Null, false),
        ("DELETE", &key, Value::Null, true),
    ] {
        let call = api.call(method, path);
        let response = if body.is_null() {
            call.send().await
        } else {
            call.json(body).send().await
        };
        assert_eq!(
            (response.status, response.header("retry-after")),
            (503, Some("1")),
            "{method} {path}: {response:?}"
        );
        assert_eq!(
            response.text.contains("may have been applied"),
            may_be_applied,
            "{method} {path}: {response:?}"
        );
    }
}

#[tokio::test]
async fn description_is_public() {
    let api = Api::embedded();
    let response = api
        .call_as("GET", "/_tollgate/openapi.json", Value::Null)
        .send()
        .await;
    assert_eq!(response.status, 200);

    let description = response.json();

    assert_eq!(
        (
            &description["openapi"],
            description["paths"].as_object().unwrap().len()
        ),
        (&json!("3.1.0"), 34)
    );
    assert_eq!(description, limiter::Limiter::openapi());
}

#[tokio::test]
async fn event_that_is_not_a_request_is_an_error_without_its_values() {
    let api = Api::embedded();
    for event in [
        json!({}),
        json!({"rawPath": "/secret", "headers": "secret"}),
        json!("secret"),
        Value::Null,
    ] {
        let error = api.limiter.handle(event).await.unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
