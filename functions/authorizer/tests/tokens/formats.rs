//! The forms in which API Gateway asks, and the answer that each takes.

use authorizer::Failure;
use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/prod/GET/orders";

/// As a REST API asks; an HTTP API's format 1.0 says so besides.
fn request(version: Option<&str>, headers: Value) -> Value {
    let mut event = json!({
        "type": "REQUEST", "methodArn": ARN, "resource": "/{proxy+}", "path": "/orders", "httpMethod": "GET",
        "headers": headers, "queryStringParameters": null, "pathParameters": {"proxy": "orders"}, "stageVariables": null,
        "requestContext": {"requestId": "r1", "stage": "prod", "httpMethod": "GET",
                           "identity": {"sourceIp": "192.0.2.1", "clientCert": null}},
    });
    if let Some(version) = version {
        event["version"] = version.into();
    }
    event
}

fn token_event(token: &str, arn: &str) -> Value {
    json!({"type": "TOKEN", "authorizationToken": token, "methodArn": arn})
}

fn effect(answer: &Value) -> (&Value, &Value) {
    let statement = &answer["policyDocument"]["Statement"][0];
    assert_eq!(
        (&answer["policyDocument"]["Version"], &statement["Action"]),
        (&json!("2012-10-17"), &json!("execute-api:Invoke"))
    );
    (&statement["Effect"], &statement["Resource"])
}

#[tokio::test]
async fn each_other_format_is_answered_with_a_policy_on_its_method() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    for event in [
        request(None, json!({"Authorization": token})),
        request(Some("1.0"), json!({"authorization": token})),
        token_event(&token, ARN),
    ] {
        let answer = handled(&authorizer, &event, noon()).await.unwrap();
        assert_eq!(effect(&answer), (&json!("Allow"), &json!(ARN)), "{event}");
        assert_eq!(
            (&answer["principalId"], &answer["context"]["user_id"]),
            (&json!("alice"), &json!("alice"))
        );
        assert_eq!(
            answer
                .get("isAuthorized")
                .or(answer.get("usageIdentifierKey")),
            None
        );
        assert!(
            answer["context"]
                .as_object()
                .unwrap()
                .values()
                .all(|value| value.is_string())
        );
    }
}

#[tokio::test]
async fn what_is_forbidden_is_denied_and_what_is_not_known_is_401() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    let admin = ARN.replace("/orders", "/admin/users");
    let answer = handled(&authorizer, &token_event(&token, &admin), noon())
        .await
        .unwrap();
    assert_eq!(effect(&answer), (&json!("Deny"), &json!(admin)));
    assert_eq!(answer["context"]["reason"], "insufficient_scope");
    for event in [
        token_event("Bearer a.b.c", ARN),
        token_event("", ARN),
        request(None, json!({})),
    ] {
        assert_eq!(
            handled(&authorizer, &event, noon()).await,
            Err(Failure::Unauthorized)
        );
    }
    let dots = token_event(&token, &ARN.replace("/orders", "/../orders"));
    assert_eq!(said(&authorizer, dots).await, "malformed_path");
}

#[tokio::test]
async fn a_key_is_told_to_a_rest_apis_own_usage_plan() {
    let authorizer = trusting(&Signer::of("ES256"));
    let answer = handled(
        &authorizer,
        &request(None, json!({"X-Api-Key": PRO})),
        noon(),
    )
    .await
    .unwrap();
    assert_eq!(
        (&answer["usageIdentifierKey"], &answer["principalId"]),
        (&json!(PRO), &json!("alice"))
    );
    let simple = handled(
        &authorizer,
        &event("/orders", json!({"x-api-key": PRO})),
        noon(),
    )
    .await
    .unwrap();
    assert!(!simple.to_string().contains(PRO));
}

/// `headers` of a REST API holds the last of several, or both spellings.
#[tokio::test]
async fn a_credential_that_is_sent_twice_is_none() {
    let signer = Signer::of("ES256");
    let authorizer = trusting(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    let mut event = request(None, json!({"Authorization": token}));
    event["multiValueHeaders"] = json!({"Authorization": ["Bearer a.b.c", token]});
    assert_eq!(said(&authorizer, event).await, "401");
    let spelled = request(
        None,
        json!({"Authorization": token, "authorization": token}),
    );
    assert_eq!(said(&authorizer, spelled).await, "401");
    let mut once = request(None, json!({}));
    once["multiValueHeaders"] = json!({"authorization": [token], "accept": null});
    assert_eq!(said(&authorizer, once).await, "ok");
}

#[tokio::test]
async fn a_resource_is_never_longer_than_a_policy_admits() {
    let signer = Signer::of("ES256");
    let arn = format!("{ARN}/{}", "x".repeat(600));
    let event = token_event(&format!("Bearer {}", signer.with(|_| ())), &arn);
    let answer = handled(&trusting(&signer), &event, noon()).await.unwrap();
    let resource = effect(&answer).1.as_str().unwrap();
    assert!(
        resource.len() == 512 && resource.starts_with(ARN) && resource.ends_with("x*"),
        "{resource}"
    );
}
