//! API keys that are sent as bearer tokens.

use serde_json::{Value, json};
use testing::LogBuffer;

use crate::provider::{Provider, Reply};
use crate::support::*;

const ARN: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/prod/GET/orders";
const UNKNOWN_KEY: &str = "no-such-key-00000000000000000";

/// A policy that accepts keys as bearer tokens.
fn accepting(signer: &Signer) -> Value {
    let mut policy = policy(&signer.jwks());
    policy["api_keys"] = json!({"bearer": true});
    policy
}

fn bearer(value: &str) -> Value {
    json!({"authorization": format!("Bearer {value}")})
}

#[tokio::test]
async fn bearer_key_is_accepted_by_the_rules_that_accept_keys() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer(&accepting(&signer));
    for path in ["/orders", "/keys/x"] {
        let context = context(&authorizer, event(path, bearer(PRO))).await;
        assert_eq!(
            [&context["auth"], &context["key_id"], &context["plan"]],
            ["api_key", "local-pro", "pro"],
            "{path}"
        );
    }

    let lower_case = json!({"authorization": format!("bearer {PRO}")});
    assert_eq!(
        reason_of(&authorizer, event("/orders", lower_case)).await,
        "ok"
    );
    for (path, value) in [
        ("/jwt/x", PRO),
        ("/orders", UNKNOWN_KEY),
        ("/keys/x", UNKNOWN_KEY),
        ("/keys/x", "short"),
        ("/keys/x", ""),
    ] {
        let event = event(path, bearer(value));
        assert_eq!(reason_of(&authorizer, event).await, "401", "{path} {value}");
    }
    for value in [
        PRO.to_owned(),
        format!("Basic {PRO}"),
        format!("Bearer {PRO},Bearer {PRO}"),
    ] {
        let event = event("/keys/x", json!({"authorization": value}));
        assert_eq!(reason_of(&authorizer, event).await, "401", "{value}");
    }
}

#[tokio::test]
async fn bearer_key_is_refused_by_default() {
    let authorizer = authorizer_for_signer(&Signer::of("ES256"));
    for path in ["/orders", "/keys/x"] {
        assert_eq!(
            reason_of(&authorizer, event(path, bearer(PRO))).await,
            "401"
        );
    }
}

#[tokio::test]
async fn bearer_jwt_remains_a_token() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer(&accepting(&signer));
    let token = signer.with(|_| ());
    for (path, expected) in [("/orders", "ok"), ("/jwt/x", "ok"), ("/keys/x", "401")] {
        let event = event(path, bearer(&token));
        assert_eq!(reason_of(&authorizer, event).await, expected, "{path}");
    }
    let refused = event(
        "/orders",
        bearer(&signer.with(|claims| claims["aud"] = "b".into())),
    );
    assert_eq!(reason_of(&authorizer, refused).await, "401");
}

#[tokio::test]
async fn key_header_decides_if_it_is_present() {
    let signer = Signer::of("ES256");
    let authorizer = authorizer(&accepting(&signer));
    let token = signer.with(|_| ());
    for (path, key, value, expected) in [
        ("/orders", PRO, token.as_str(), "ok"),
        // Then the bearer token is a token, which must be valid too.
        ("/orders", PRO, PRO, "401"),
        ("/orders", UNKNOWN_KEY, PRO, "401"),
        ("/keys/x", PRO, UNKNOWN_KEY, "ok"),
        ("/keys/x", UNKNOWN_KEY, PRO, "401"),
        ("/keys/x", "", PRO, "401"),
    ] {
        let mut headers = bearer(value);
        headers["x-api-key"] = key.into();
        let reason = reason_of(&authorizer, event(path, headers)).await;
        assert_eq!(reason, expected, "{path} {key} {value}");
    }
}

#[tokio::test]
async fn bearer_key_and_token_of_another_header_must_both_be_valid() {
    let signer = Signer::of("ES256");
    let mut policy = accepting(&signer);
    policy["token"] = json!({"header": "x-access-token", "scheme": "none"});
    let authorizer = authorizer(&policy);
    let token = signer.with(|_| ());
    for (key, token, expected) in [
        (PRO, token.as_str(), "ok"),
        (UNKNOWN_KEY, &token, "401"),
        (PRO, "a.b.c", "401"),
    ] {
        let mut headers = bearer(key);
        headers["x-access-token"] = token.into();
        let reason = reason_of(&authorizer, event("/orders", headers)).await;
        assert_eq!(reason, expected, "{key} {token}");
    }
}

#[tokio::test]
async fn bearer_key_makes_the_cookie_irrelevant() {
    let signer = Signer::of("ES256");
    let mut policy = accepting(&signer);
    policy["token"] = json!({"cookie": "__session"});
    let mut event = event("/orders", bearer(PRO));
    let token = signer.with(|claims| claims["sub"] = "bob".into());
    event["cookies"] = json!([format!("__session={token}")]);
    event["requestContext"]["http"]["method"] = "POST".into();

    let context = context(&authorizer(&policy), event).await;
    assert_eq!(
        [&context["auth"], &context["user_id"], &context["reason"]],
        ["api_key", "alice", "ok"]
    );
}

#[tokio::test]
async fn rest_api_receives_a_bearer_key_as_usage_identifier_key() {
    let authorizer = authorizer(&accepting(&Signer::of("ES256")));
    let value = format!("Bearer {PRO}");
    for event in [
        json!({"type": "TOKEN", "authorizationToken": value, "methodArn": ARN}),
        json!({"type": "REQUEST", "methodArn": ARN, "resource": "/{proxy+}", "httpMethod": "GET",
               "headers": {"Authorization": value}, "pathParameters": {"proxy": "orders"},
               "requestContext": {"requestId": "r", "identity": {"sourceIp": "192.0.2.1"}}}),
    ] {
        let response = handle_at(&authorizer, &event, noon()).await.unwrap();
        assert_eq!(response["usageIdentifierKey"], PRO, "{event}");
        assert_eq!(response["context"]["key_id"], "local-pro", "{event}");
    }
}

#[tokio::test]
async fn pattern_separates_opaque_tokens_from_keys() {
    const ENDPOINT: &str = "/introspect";
    let provider = Provider::start().await;
    provider.reply(
        ENDPOINT,
        Reply::json(&json!({"active": true, "sub": "alice"})),
    );
    let mut policy = accepting(&Signer::of("ES256"));
    policy["introspection"] = json!({"endpoint": provider.url(ENDPOINT), "client_id": "c", "client_secret": "s",
                                     "default_plan": "pro", "token_pattern": "oat_[a-z]+"});
    let authorizer = authorizer(&policy);
    let auth = async |path: &str, value: &str| {
        let response = handle_at(&authorizer, &event(path, bearer(value)), noon()).await;
        response.map_or("401".into(), |response| response["context"]["auth"].clone())
    };

    assert_eq!(auth("/orders", PRO).await, "api_key");
    assert_eq!(auth("/keys/x", PRO).await, "api_key");
    assert_eq!(auth("/orders", UNKNOWN_KEY).await, "401");
    assert_eq!(provider.requests(ENDPOINT), 0);

    assert_eq!(auth("/orders", "oat_a").await, "introspection");
    assert_eq!(auth("/jwt/x", "oat_a").await, "introspection");
    assert_eq!(auth("/keys/x", "oat_a").await, "401");
}

#[tokio::test]
async fn bearer_key_is_not_logged() {
    const KEY: &str = "MARKkey-MARKkey-MARKkey";
    let log = LogBuffer::default();
    let writer = log.clone();
    let subscriber = authorizer::log_to(Some("trace"), move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let authorizer = authorizer(&accepting(&Signer::of("ES256")));
    for (path, value) in [
        ("/orders", KEY),
        ("/keys/x", KEY),
        ("/jwt/x", KEY),
        ("/keys/x", "MARK"),
        ("/keys/x", "MARK MARK"),
        ("/orders", PRO),
    ] {
        let _ = handle_at(&authorizer, &event(path, bearer(value)), noon()).await;
    }

    let lines = log.json_lines();
    let reasons: Vec<_> = lines
        .iter()
        .filter_map(|line| line["reason"].as_str())
        .collect();
    assert!(
        reasons.contains(&"unknown_key") && reasons.contains(&"ok"),
        "{reasons:?}"
    );
    let text = json!(lines).to_string();
    assert!(!text.contains("MARK") && !text.contains(PRO), "{text}");
}
