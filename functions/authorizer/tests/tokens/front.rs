//! The front of a policy: requests need its secret, and only then the address that it names counts.

use registry::{Block, BlockTarget, Condition};
use serde_json::{Value, json};
use testing::LogBuffer;

use crate::provider::{Provider, Reply};
use crate::support::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const KEY: &str = "a-key-of-a-test-000000001";
const CLIENT: &str = "198.51.100.7:46532";

/// A policy with a front, a limited public route and a route with a token.
fn front_policy(front: Value) -> Value {
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["front"] = front;
    policy["rules"] = json!([
        {"match": "GET /public", "auth": "none", "plan": "free", "limit_by": "ip"},
        {"match": "GET /open", "auth": "none"},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]);
    policy
}

fn cloudfront() -> Value {
    json!({"secret": ["env:SECRET", "env:NEXT"], "client_ip": "cloudfront-viewer-address"})
}

fn authorizer_with(front: Value) -> TestAuthorizer {
    authorizer_with_environment(&front_policy(front), &[("SECRET", SECRET), ("NEXT", NEXT)])
}

fn from_front(path: &str, secret: &str) -> Value {
    event(
        path,
        json!({"x-origin-verify": secret, "cloudfront-viewer-address": CLIENT}),
    )
}

#[tokio::test]
async fn request_needs_one_of_the_secrets_on_every_route() {
    let authorizer = authorizer_with(cloudfront());
    let token = Signer::of("ES256").with(|_| ());
    for path in ["/public", "/open"] {
        for secret in [SECRET, NEXT] {
            assert_eq!(reason_of(&authorizer, from_front(path, secret)).await, "ok");
        }
        let direct = event(path, json!({"cloudfront-viewer-address": CLIENT}));
        assert_eq!(reason_of(&authorizer, direct).await, "not_from_front");
    }

    let mut with_token = from_front("/orders", SECRET);
    with_token["headers"]["authorization"] = format!("Bearer {token}").into();
    assert_eq!(reason_of(&authorizer, with_token.clone()).await, "ok");
    with_token["headers"]["x-origin-verify"] = Value::Null;
    assert_eq!(reason_of(&authorizer, with_token).await, "not_from_front");
    // A request without the secret learns nothing about the rules.
    let unknown = event("/none/of/the/rules", json!({}));
    assert_eq!(reason_of(&authorizer, unknown).await, "not_from_front");
}

#[tokio::test]
async fn every_other_value_of_the_header_is_refused() {
    let authorizer = authorizer_with(cloudfront());
    for sent in [
        "",
        " ",
        "-",
        "null",
        &SECRET[..63],
        &SECRET.to_uppercase(),
        &format!("{SECRET} "),
        &format!(" {SECRET}"),
        &format!("{SECRET}\n"),
        &format!("{SECRET},{SECRET}"),
        &format!("{SECRET}, {NEXT}"),
        &format!("wrong,{SECRET}"),
        &format!("{SECRET}{NEXT}"),
        "env:SECRET",
    ] {
        let (response, line) = response_and_line(&authorizer, &from_front("/open", sent)).await;
        let response = response.unwrap();
        assert_eq!(response["isAuthorized"], false, "{sent:?}");
        assert_eq!(response["context"]["reason"], "not_from_front", "{sent:?}");
        assert_eq!(line["detail"], "secret_wrong", "{sent:?}");
    }

    // The name is case-insensitive, and both spellings together are one repeated header.
    let upper = json!({"X-Origin-Verify": SECRET, "CLOUDFRONT-VIEWER-ADDRESS": CLIENT});
    assert_eq!(reason_of(&authorizer, event("/open", upper)).await, "ok");
    let both = json!({"X-Origin-Verify": SECRET, "x-origin-verify": SECRET, "cloudfront-viewer-address": CLIENT});
    let both = reason_of(&authorizer, event("/open", both)).await;
    assert_eq!(both, "not_from_front");
}

#[tokio::test]
async fn rest_api_events_are_checked_too() {
    let authorizer = authorizer_with(cloudfront());
    let rest = |headers: Value| {
        json!({"type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:api/prod/GET/open",
               "resource": "/open", "httpMethod": "GET", "multiValueHeaders": headers,
               "requestContext": {"identity": {"sourceIp": "203.0.113.9"}}})
    };
    let once = rest(json!({"X-Origin-Verify": [SECRET], "CloudFront-Viewer-Address": [CLIENT]}));
    assert_eq!(reason_of(&authorizer, once).await, "ok");
    let twice =
        rest(json!({"X-Origin-Verify": [SECRET, SECRET], "CloudFront-Viewer-Address": [CLIENT]}));
    assert_eq!(reason_of(&authorizer, twice).await, "not_from_front");

    // An event of type TOKEN has no headers, so it cannot prove its origin.
    let token = json!({"type": "TOKEN", "authorizationToken": SECRET,
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:api/prod/GET/open"});
    assert_eq!(reason_of(&authorizer, token).await, "not_from_front");
}

#[tokio::test]
async fn client_address_counts_only_with_the_secret() {
    let authorizer = authorizer_with(cloudfront());
    let response = context(&authorizer, from_front("/public", SECRET)).await;
    assert_eq!(response["caller"], "ip#198.51.100.7#free");
    assert_eq!(response["client_ip"], "198.51.100.7");

    let without_front = authorizer_with_environment(
        &{
            let mut policy = front_policy(Value::Null);
            policy.as_object_mut().unwrap().remove("front");
            policy
        },
        &[],
    );
    let spoofed = context(&without_front, from_front("/public", SECRET)).await;
    assert_eq!(spoofed["caller"], "ip#192.0.2.10#free");
    assert_eq!(spoofed["client_ip"], "-");

    let mut ipv6 = from_front("/public", SECRET);
    ipv6["headers"]["cloudfront-viewer-address"] = "2001:db8:1:2:3::4:46532".into();
    let response = context(&authorizer, ipv6).await;
    assert_eq!(response["caller"], "ip#2001:db8:1:2::#free");
    assert_eq!(response["client_ip"], "2001:db8:1:2:3::4");
}

#[tokio::test]
async fn missing_or_malformed_client_address_is_a_fault() {
    let authorizer = authorizer_with(cloudfront());
    for value in [
        Value::Null,
        "".into(),
        "-".into(),
        "198.51.100.7".into(),
        "198.51.100.7:46532,203.0.113.1:1".into(),
        "198.51.100.7:46532 ".into(),
        "client.example:443".into(),
    ] {
        let mut event = from_front("/open", SECRET);
        event["headers"]["cloudfront-viewer-address"] = value.clone();
        let problem = reason_of(&authorizer, event).await;
        assert!(
            problem.starts_with("the front sent its secret, but `cloudfront-viewer-address` is"),
            "{value}: {problem}"
        );
        assert!(!problem.contains("198.51"), "{problem}");
    }
}

#[tokio::test]
async fn without_client_ip_the_source_address_counts() {
    let authorizer = authorizer_with(json!({"secret": "env:SECRET"}));
    let response = context(&authorizer, from_front("/public", SECRET)).await;
    assert_eq!(response["caller"], "ip#192.0.2.10#free");
    assert_eq!(response["client_ip"], "-");
}

#[tokio::test]
async fn blocks_and_allowed_addresses_apply_to_the_client() {
    let seeds = json!({
        "plans": {"free": {"throttle": {"rate": 9, "burst": 9}}},
        "keys": [{"key": KEY, "key_id": "k1", "plan": "free", "allowed_ips": ["198.51.100.0/24"]}],
    });
    let authorizer = authorizer_with_environment(
        &front_policy(cloudfront()),
        &[
            ("SECRET", SECRET),
            ("NEXT", NEXT),
            ("EMBEDDED_STORE", &seeds.to_string()),
        ],
    );
    let with_key = |address: &str| {
        let mut event = from_front("/orders", SECRET);
        event["headers"]["x-api-key"] = KEY.into();
        event["headers"]["cloudfront-viewer-address"] = address.into();
        event
    };
    let allowed = reason_of(&authorizer, with_key("198.51.100.7:1")).await;
    assert_eq!(allowed, "ok");
    let other = reason_of(&authorizer, with_key("203.0.113.7:1")).await;
    assert_eq!(other, "address_not_allowed");

    let block = Block {
        target: BlockTarget::parse("ip", "198.51.100.7").unwrap(),
        until: None,
        note: None,
        created_at: noon(),
    };
    let admin = authorizer.store().admin();
    let put = admin.put_block(&block, &Condition::None, noon());
    put.await.unwrap();
    let blocked = reason_at(&authorizer, with_key("198.51.100.7:1"), after(60)).await;
    assert_eq!(blocked, "blocked");
    let neighbour = reason_at(&authorizer, with_key("198.51.100.8:1"), after(60)).await;
    assert_eq!(neighbour, "ok");
}

#[tokio::test]
async fn preflight_requests_need_the_secret() {
    let authorizer = authorizer_with(cloudfront());
    let preflight = |secret: Value| {
        let mut event = from_front("/orders", SECRET);
        event["requestContext"]["http"]["method"] = "OPTIONS".into();
        event["headers"]["origin"] = "https://app.example.com".into();
        event["headers"]["access-control-request-method"] = "POST".into();
        event["headers"]["x-origin-verify"] = secret;
        event
    };
    assert_eq!(reason_of(&authorizer, preflight(SECRET.into())).await, "ok");
    let direct = reason_of(&authorizer, preflight(Value::Null)).await;
    assert_eq!(direct, "not_from_front");
}

#[tokio::test]
async fn log_has_the_client_and_never_the_secret() {
    let log = LogBuffer::default();
    let writer = log.clone();
    let _guard =
        tracing::subscriber::set_default(authorizer::log_to(Some("trace"), move || writer.clone()));
    let authorizer = authorizer_with(cloudfront());
    authorizer.at(noon()).load_policy().await.unwrap();
    for sent in [SECRET, NEXT, "MARK-of-a-wrong-secret"] {
        reason_of(&authorizer, from_front("/open", sent)).await;
    }
    let text = log.text();
    for secret in [SECRET, NEXT, "MARK"] {
        assert!(!text.contains(secret), "{text}");
    }
    let lines = log.json_lines();
    let decided: Vec<_> = lines
        .iter()
        .filter(|it| it["message"] == "decided")
        .collect();
    assert_eq!(decided[0]["client_ip"], "198.51.100.7");
    assert_eq!(decided[2]["reason"], "not_from_front");
    assert_eq!(decided[2].get("client_ip"), None);
}

/// An authorizer whose front has these references, and the environment of `aws`.
fn with_stored_secrets(aws: &Provider, secret: Value) -> TestAuthorizer {
    let url = aws.url("");
    let environment = [&[("SECRET", SECRET)], &aws_environment(&url)[..]].concat();
    authorizer_with_environment(&front_policy(json!({ "secret": secret })), &environment)
}

#[tokio::test]
async fn wrong_secrets_cause_no_calls_and_a_replaced_secret_is_read_after_5_minutes() {
    let aws = Provider::start().await;
    aws.reply("/", parameter(SECRET));
    let authorizer = with_stored_secrets(&aws, "ssm:/front/secret".into());
    authorizer.at(noon()).load_policy().await.unwrap();
    assert_eq!(aws.requests("/"), 1);

    aws.reply("/", parameter(NEXT));
    for seconds in 1..60 {
        let reason = reason_at(&authorizer, from_front("/open", NEXT), after(seconds)).await;
        assert_eq!(reason, "not_from_front");
    }
    assert_eq!(aws.requests("/"), 1);
    // The old value is used while the new one is read in the background, and at once after an hour.
    let reason = reason_at(&authorizer, from_front("/open", NEXT), after(3_600)).await;
    assert_eq!(reason, "ok");
    let old = reason_at(&authorizer, from_front("/open", SECRET), after(3_601)).await;
    assert_eq!(old, "not_from_front");
}

#[tokio::test]
async fn unreadable_secret_never_admits_a_request() {
    let aws = Provider::start().await;
    aws.reply("/", Reply::status("503 Service Unavailable"));
    let stored = json!(["env:SECRET", "ssm:/front/next"]);
    let authorizer = with_stored_secrets(&aws, stored);
    authorizer.at(noon()).load_policy().await.unwrap();

    let with_known = reason_of(&authorizer, from_front("/open", SECRET)).await;
    assert_eq!(with_known, "ok");
    let problem = reason_of(&authorizer, from_front("/open", NEXT)).await;
    assert!(
        problem.starts_with("cannot read ssm:/front/next"),
        "{problem}"
    );
    let without = reason_of(&authorizer, event("/open", json!({}))).await;
    assert_eq!(without, "not_from_front");
}

#[tokio::test]
async fn unusable_stored_secret_is_an_error_at_startup_that_does_not_contain_it() {
    for (value, expected) in [
        (
            "MARK",
            "ssm:/front/secret has 4 characters, expected 32 to 512",
        ),
        (
            &format!("MARK{SECRET}\n"),
            "ssm:/front/secret contains a space, a comma, a line break",
        ),
    ] {
        let aws = Provider::start().await;
        aws.reply("/", parameter(value));
        let authorizer = with_stored_secrets(&aws, "ssm:/front/secret".into());
        let error = authorizer.at(noon()).load_policy().await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("MARK"), "{error}");
    }
}
