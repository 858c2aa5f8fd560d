//! What goes wrong before any route does anything.

use serde_json::{Value, json};

use crate::servers::Server;
use crate::support::Api;

#[tokio::test]
async fn nobody_but_whom_iam_let_pass_administrates() {
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
async fn each_way_a_request_can_be_wrong_has_its_status_and_a_problem_document() {
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
        let answer = api.call(method, path).body(kind, body).send().await;
        assert_eq!(answer.status, status, "{method} {path} {kind}");
        drop(answer.mistakes());
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
async fn whatever_stands_in_a_path_is_an_answer() {
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
        let answer = api.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn without_the_store_a_change_may_have_happened_and_a_look_may_not() {
    let server = Server::ministack();
    let api = Api::dynamodb(&format!("http://{}", server.address)).await;
    let (key_id, _) = api.key("free").await;
    drop(server);
    let (key, usage) = (format!("/keys/{key_id}"), format!("/keys/{key_id}/usage"));
    for (method, path, body, in_doubt) in [
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
        // It fails at the policies that may name the plan, before anything is written.
        ("DELETE", "/plans/free", Value::Null, false),
        ("DELETE", &key, Value::Null, true),
    ] {
        let call = api.call(method, path);
        let answer = if body.is_null() {
            call.send().await
        } else {
            call.json(body).send().await
        };
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1")),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(
            answer.text.contains("may have been applied"),
            in_doubt,
            "{method} {path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn the_description_is_for_everybody_and_names_every_status() {
    let api = Api::embedded();
    let answer = api
        .call_as("GET", "/_tollgate/openapi.json", Value::Null)
        .send()
        .await;
    assert_eq!(answer.status, 200);
    let description = answer.json();
    assert_eq!(
        (
            &description["openapi"],
            description["paths"].as_object().unwrap().len()
        ),
        (&json!("3.1.0"), 12)
    );
    assert_eq!(description, limiter::Limiter::openapi());
}

#[tokio::test]
async fn what_is_no_request_is_the_functions_error_and_does_not_repeat_it() {
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
