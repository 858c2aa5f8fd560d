//! The gateway over DynamoDB on a server of its own.

use http::StatusCode;
use serde_json::{Value, json};
use tests::{FREE, Gateway, PRO, Setup};

use testing::Emulator;

fn endpoint(server: &Emulator) -> String {
    format!("http://{}", server.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_seeds_are_made_once_and_two_gateways_share_a_callers_limits() {
    let server = Emulator::ministack();
    let first = Setup::default().endpoint(&endpoint(&server)).start().await;
    for _ in 0..3 {
        assert_eq!(first.get("/orders", FREE).await.status, StatusCode::OK);
    }
    // The second finds tables, seeds and usage.
    let second = Setup::default().endpoint(&endpoint(&server)).start().await;
    let answer = second.get("/orders", FREE).await;
    assert!(
        answer
            .header("ratelimit")
            .is_some_and(|field| field.contains(r#""day";r=96;"#)),
        "{answer:?}"
    );
    assert_eq!(
        second
            .get("/orders", "local-unknown-key-000000001")
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_a_known_key_is_answered_by_its_plan_and_an_unknown_one_never_passes() {
    let seeds = r#"{"plans":{"open":{},"closed":{"on_store_failure":"deny"}},"keys":[
        {"key":"local-free-key-000000000001","key_id":"a","plan":"open"},
        {"key":"local-other-key-00000000001","key_id":"b","plan":"closed"},
        {"key":"local-pro-key-0000000000001","key_id":"c","plan":"open"}]}"#;
    let server = Emulator::ministack();
    let gateway = Setup::default()
        .seeds(seeds)
        .endpoint(&endpoint(&server))
        .start()
        .await;
    for key in [FREE, "local-other-key-00000000001"] {
        assert_eq!(gateway.get("/orders", key).await.status, StatusCode::OK);
    }
    drop(server);
    let degraded = gateway.get("/orders", FREE).await;
    assert_eq!(
        (
            degraded.status,
            degraded.echoed("x-tollgate-decision").as_deref()
        ),
        (StatusCode::OK, Some("degraded"))
    );
    let denied = gateway.get("/orders", "local-other-key-00000000001").await;
    assert_eq!(denied.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        denied
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|seconds| seconds >= 1))
    );
    assert_eq!(denied.json()["title"], "Service Unavailable");
    assert_eq!(
        gateway.get("/orders", PRO).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

async fn send(gateway: &Gateway, method: &str, path: &str, body: Option<&Value>) -> StatusCode {
    let call = gateway
        .call(method, &format!("/_tollgate/v1/policies{path}"))
        .header("content-type", "application/json");
    let body = body.map(Value::to_string).unwrap_or_default();
    call.body(body).send().await.status
}

fn policy(rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["match"] = "ANY /{proxy+}".into();
    json!({ "rules": [rule] })
}

#[tokio::test(flavor = "multi_thread")]
async fn candidate_affects_no_response_until_it_is_in_force() {
    let server = Emulator::ministack();
    let first = Setup::default().endpoint(&endpoint(&server)).start().await;
    let (any, admins) = (
        policy(&json!({"auth": "api_key"})),
        policy(&json!({"auth": "api_key", "scopes": ["admin"]})),
    );
    let written = send(&first, "PUT", "/main", Some(&any)).await;
    assert_eq!(written, StatusCode::CREATED);
    let written = send(&first, "PUT", "/main/candidate", Some(&admins)).await;
    assert_eq!(written, StatusCode::CREATED);

    let of_registry = || {
        Setup::default()
            .endpoint(&endpoint(&server))
            .parameter("AuthPolicy", "table:main")
            .start()
    };
    let second = of_registry().await;
    assert_eq!(second.get("/orders", FREE).await.status, StatusCode::OK);
    let refused = send(&second, "DELETE", "/main", None).await;
    assert_eq!(refused, StatusCode::CONFLICT);

    let promoted = send(&second, "POST", "/main/promote", None).await;
    assert_eq!(promoted, StatusCode::OK);
    let third = of_registry().await;
    assert_eq!(
        third.get("/orders", FREE).await.status,
        StatusCode::FORBIDDEN
    );
    let forced = send(&third, "DELETE", "/main?force=true", None).await;
    assert_eq!(forced, StatusCode::NO_CONTENT);
}
