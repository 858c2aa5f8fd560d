//! The event formats of API Gateway, and the response to each.

use authorizer::Failure;
use serde_json::{Value, json};

use crate::support::*;

const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/prod/GET/orders";

/// An event of a REST API, or with `version` of an HTTP API's format 1.0.
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

fn effect(response: &Value) -> (&Value, &Value) {
    let statement = &response["policyDocument"]["Statement"][0];
    assert_eq!(
        (&response["policyDocument"]["Version"], &statement["Action"]),
        (&json!("2012-10-17"), &json!("execute-api:Invoke"))
    );
    (&statement["Effect"], &statement["Resource"])
}

#[tokio::test]
async fn other_formats_get_an_iam_policy_for_their_method() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    for event in [
        request(None, json!({"Authorization": token})),
        request(Some("1.0"), json!({"authorization": token})),
        token_event(&token, ARN),
    ] {
        let response = handle_at(&authorizer, &event, noon()).await.unwrap();
        assert_eq!(effect(&response), (&json!("Allow"), &json!(ARN)), "{event}");
        assert_eq!(
            (&response["principalId"], &response["context"]["user_id"]),
            (&json!("alice"), &json!("alice"))
        );
        assert_eq!(
            response
                .get("isAuthorized")
                .or(response.get("usageIdentifierKey")),
            None
        );
        assert!(
            response["context"]
                .as_object()
                .unwrap()
                .values()
                .all(|value| value.is_string())
        );
    }
}

#[tokio::test]
async fn forbidden_is_denied_and_unauthenticated_is_401() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    let admin = ARN.replace("/orders", "/admin/users");
    let response = handle_at(&authorizer, &token_event(&token, &admin), noon())
        .await
        .unwrap();
    assert_eq!(effect(&response), (&json!("Deny"), &json!(admin)));
    assert_eq!(response["context"]["reason"], "insufficient_scope");
    for event in [
        token_event("Bearer a.b.c", ARN),
        token_event("", ARN),
        request(None, json!({})),
    ] {
        let result = handle_at(&authorizer, &event, noon()).await;
        assert!(
            matches!(result, Err(Failure::Unauthorized(_))),
            "{result:?}"
        );
    }
    let dots = token_event(&token, &ARN.replace("/orders", "/../orders"));
    assert_eq!(reason_of(&authorizer, dots).await, "malformed_path");
}

#[tokio::test]
async fn rest_api_receives_the_usage_identifier_key() {
    let authorizer = authorizer_for_signer(&Signer::of("ES256"));
    let response = handle_at(
        &authorizer,
        &request(None, json!({"X-Api-Key": PRO})),
        noon(),
    )
    .await
    .unwrap();
    assert_eq!(
        (&response["usageIdentifierKey"], &response["principalId"]),
        (&json!(PRO), &json!("alice"))
    );
    let simple = handle_at(
        &authorizer,
        &event("/orders", json!({"x-api-key": PRO})),
        noon(),
    )
    .await
    .unwrap();
    assert!(!simple.to_string().contains(PRO));
}

/// `headers` of a REST API contains the last of several values, or both spellings.
#[tokio::test]
async fn duplicate_credential_is_refused() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer_for_signer(&signer);
    let token = format!("Bearer {}", signer.with(|_| ()));
    let mut event = request(None, json!({"Authorization": token}));
    event["multiValueHeaders"] = json!({"Authorization": ["Bearer a.b.c", token]});
    assert_eq!(reason_of(&authorizer, event).await, "401");
    let spelled = request(
        None,
        json!({"Authorization": token, "authorization": token}),
    );
    assert_eq!(reason_of(&authorizer, spelled).await, "401");
    let mut once = request(None, json!({}));
    once["multiValueHeaders"] = json!({"authorization": [token], "accept": null});
    assert_eq!(reason_of(&authorizer, once).await, "ok");
}

#[tokio::test]
async fn resource_fits_into_an_iam_policy() {
    let signer = Signer::of("ES256");
    let arn = format!("{ARN}/{}", "x".repeat(600));
    let event = token_event(&format!("Bearer {}", signer.with(|_| ())), &arn);
    let response = handle_at(&authorizer_for_signer(&signer), &event, noon())
        .await
        .unwrap();
    let resource = effect(&response).1.as_str().unwrap();
    assert!(
        resource.len() == 512 && resource.starts_with(ARN) && resource.ends_with("x*"),
        "{resource}"
    );
}
