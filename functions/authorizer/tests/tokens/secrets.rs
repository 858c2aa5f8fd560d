//! Secrets in AWS: read when the policy is loaded, and reloaded. The clock is set by the tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authorizer::{Config, http_calls};
use aws::{Deadline, HttpCall, Reach, Replay};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry::Seeds;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;

use crate::provider::{Provider, Reply};
use crate::support::*;

const PATH: &str = "/introspect";
const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tollgate/idp-Ab3dEf";

/// An authorizer whose client secret is `reference`, with AWS at this address.
fn authorizer_with_secret(reference: &str, provider: &Provider, aws: &str) -> TestAuthorizer {
    let policy = json!({
        "introspection": {"endpoint": provider.url(PATH), "client_id": "tollgate", "client_secret": reference,
            "default_plan": "pro"},
        "rules": [{"match": "ANY /{proxy+}", "auth": "any"}],
    })
    .to_string();
    let aws = aws.to_owned();
    let config = Config::from_lookup(move |name| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        "EMBEDDED_STORE" => Some(r#"{"plans":{}}"#.to_owned()),
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        "AWS_ENDPOINT_URL" => Some(aws.clone()),
        _ => None,
    });
    let seeds = r#"{"plans":{"pro":{"throttle":{"rate":1000,"burst":1000}}}}"#;
    let store = Store::Embedded(EmbeddedStore::new(&Seeds::parse(seeds).unwrap()).unwrap());
    let calls = || http_calls(RecordLog::to(std::io::sink()), Reach::Local);
    TestAuthorizer::new(config.unwrap(), Arc::new(store), calls)
}

/// A provider that acts as the authorization server and as AWS, and an authorizer that uses it.
async fn provider_with_secret(reference: &str, secret: Reply) -> (Provider, TestAuthorizer) {
    let provider = Provider::start().await;
    provider.reply(PATH, Reply::json(&json!({"active": true, "sub": "alice"})));
    provider.reply("/", secret);
    let authorizer = authorizer_with_secret(reference, &provider, &provider.url(""));
    (provider, authorizer)
}

fn parameter(secret: &str) -> Reply {
    Reply::json(&json!({"Parameter": {"Value": secret}}))
}

fn refusal(status: &'static str, code: &str) -> Reply {
    Reply {
        status,
        ..Reply::json(&json!({"__type": code, "message": "hush"}))
    }
}

/// Returns the secret that the authorization server received last.
fn sent(provider: &Provider) -> String {
    let request = provider.last(PATH);
    let header = request
        .lines()
        .find_map(|line| line.strip_prefix("authorization: Basic "))
        .unwrap();
    let credentials = String::from_utf8(STANDARD.decode(header.trim()).unwrap()).unwrap();
    credentials.strip_prefix("tollgate:").unwrap().to_owned()
}

#[tokio::test]
async fn secret_is_read_when_the_policy_is_loaded() {
    let secret = Reply::json(&json!({"SecretString": "hush"}));
    for (reference, reply, target, body) in [
        (
            "ssm:/tollgate/idp",
            parameter("hush"),
            "AmazonSSM.GetParameter",
            r#""Name":"/tollgate/idp""#,
        ),
        (
            &format!("secretsmanager:{ARN}"),
            secret,
            "secretsmanager.GetSecretValue",
            "tollgate/idp-Ab3dEf",
        ),
    ] {
        let (provider, authorizer) = provider_with_secret(reference, reply).await;
        authorizer.at(noon()).load_policy().await.unwrap();
        let request = provider.last("/");
        assert!(
            request.contains(&format!("x-amz-target: {target}")) && request.contains(body),
            "{request}"
        );
        assert!(
            request.contains("authorization: AWS4-HMAC-SHA256 Credential=test/"),
            "{request}"
        );

        assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");
        assert_eq!(
            (sent(&provider).as_str(), provider.requests("/")),
            ("hush", 1)
        );
    }
}

#[tokio::test]
async fn refused_secret_reference_aborts_startup_and_is_named() {
    for (reply, expected) in [
        (
            refusal("400 Bad Request", "ParameterNotFound"),
            "ssm responded with ParameterNotFound (status 400)",
        ),
        (
            refusal("400 Bad Request", "AccessDeniedException"),
            "see the template's parameter SecretArns",
        ),
        (
            Reply::json(&json!({"Parameter": {"Value": ""}})),
            "it contains no string",
        ),
    ] {
        let (_, authorizer) = provider_with_secret("ssm:/tollgate/idp", reply).await;
        let error = authorizer
            .at(noon())
            .load_policy()
            .await
            .unwrap_err()
            .to_string();
        let place = "AUTH_POLICY: introspection.client_secret: cannot read ssm:/tollgate/idp: ";
        assert!(
            error.starts_with(place) && error.contains(expected) && !error.contains("hush"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn secret_that_is_unavailable_at_startup_is_read_by_a_request() {
    let (provider, authorizer) = provider_with_secret(
        "ssm:/tollgate/idp",
        Reply::status("503 Service Unavailable"),
    )
    .await;
    authorizer.at(noon()).load_policy().await.unwrap();
    let reason = reason_at(&authorizer, bearer_event("opaque"), after(1)).await;
    assert!(
        reason.starts_with("introspection: client_secret: cannot read ssm:/tollgate/idp: "),
        "{reason}"
    );
    assert_eq!(
        reason_at(&authorizer, event("/orders", json!({})), after(1)).await,
        "401",
        "others are decided"
    );

    provider.reply("/", parameter("hush"));
    assert_eq!(
        reason_at(&authorizer, bearer_event("opaque"), after(10)).await,
        "ok"
    );
    assert_eq!(sent(&provider), "hush");
}

#[tokio::test]
async fn rotated_secret_is_reloaded_after_five_minutes() {
    let (provider, authorizer) = provider_with_secret("ssm:/tollgate/idp", parameter("old")).await;
    authorizer.at(noon()).load_policy().await.unwrap();
    provider.reply("/", parameter("new"));
    assert_eq!(
        reason_at(&authorizer, bearer_event("one"), after(299)).await,
        "ok"
    );
    assert_eq!(
        (sent(&provider).as_str(), provider.requests("/")),
        ("old", 1)
    );

    assert_eq!(
        reason_at(&authorizer, bearer_event("two"), after(300)).await,
        "ok",
        "the old one is used meanwhile"
    );
    for number in 0..1_000 {
        assert_eq!(
            reason_at(
                &authorizer,
                bearer_event(&format!("token-{number}")),
                after(301)
            )
            .await,
            "ok"
        );
        if sent(&provider) == "new" {
            return;
        }
    }
    panic!("the new secret is not used");
}

#[tokio::test]
async fn refused_secret_is_reloaded_at_once() {
    let (provider, authorizer) = provider_with_secret("ssm:/tollgate/idp", parameter("old")).await;
    authorizer.at(noon()).load_policy().await.unwrap();
    provider.reply("/", parameter("new"));
    let refused = json!({"error": "invalid_client"});
    provider.reply_once(
        PATH,
        Reply {
            status: "401 Unauthorized",
            ..Reply::json(&refused)
        },
    );
    assert_eq!(
        reason_at(&authorizer, bearer_event("opaque"), after(60)).await,
        "ok"
    );
    assert_eq!(
        (
            sent(&provider).as_str(),
            provider.requests("/"),
            provider.requests(PATH)
        ),
        ("new", 2, 2)
    );

    // Credentials that remain wrong are a fault, and the secret is not read for every request.
    provider.reply(
        PATH,
        Reply {
            status: "401 Unauthorized",
            ..Reply::json(&refused)
        },
    );
    for number in 0..5 {
        let reason = reason_at(
            &authorizer,
            bearer_event(&format!("token-{number}")),
            after(61),
        )
        .await;
        assert!(
            reason.starts_with("introspection: the server refuses the client id or secret"),
            "{reason}"
        );
    }
    assert_eq!(provider.requests("/"), 2);
}

#[tokio::test]
async fn secrets_are_read_from_systems_manager_and_secrets_manager() {
    let server = testing::Emulator::ministack();
    let aws = format!("http://{}", server.address);
    let parameter = json!({"Name": "/tollgate/idp", "Value": "of-ssm", "Type": "SecureString"});
    aws_call(&aws, "AmazonSSM.PutParameter", &parameter).await;
    let secret = json!({"Name": "idp", "SecretString": "of-sm"});
    let created = aws_call(&aws, "secretsmanager.CreateSecret", &secret).await;

    let arn = format!("secretsmanager:{}", created["ARN"].as_str().unwrap());
    for (reference, secret) in [("ssm:/tollgate/idp", "of-ssm"), (arn.as_str(), "of-sm")] {
        let provider = Provider::start().await;
        provider.reply(PATH, Reply::json(&json!({"active": true, "sub": "alice"})));
        let authorizer = authorizer_with_secret(reference, &provider, &aws);
        authorizer.at(noon()).load_policy().await.unwrap();
        assert_eq!(reason_of(&authorizer, bearer_event("opaque")).await, "ok");
        assert_eq!(sent(&provider), secret);
    }
}

/// Calls the emulator, which does not check the signature but reads the service from it.
async fn aws_call(aws: &str, target: &str, body: &Value) -> Value {
    let service = if target.starts_with("AmazonSSM") {
        "ssm"
    } else {
        "secretsmanager"
    };
    let credential =
        format!("AWS4-HMAC-SHA256 Credential=test/20261121/eu-central-1/{service}/aws4_request");
    let request = http::Request::post(format!("{aws}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header(
            "authorization",
            format!("{credential}, SignedHeaders=host, Signature=0"),
        )
        .body(body.to_string().into())
        .unwrap();
    let calls = http_calls(RecordLog::to(std::io::sink()), Reach::Local);
    let call = HttpCall {
        service: service.into(),
        operation: "Create",
        request,
        replay: Replay::OnlyIfNotApplied,
    };
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
    let response = calls.send(call, deadline).await.unwrap();
    assert!(response.status().is_success(), "{response:?}");
    serde_json::from_slice(response.body()).unwrap()
}
