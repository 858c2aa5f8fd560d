//! What all tests of tokens share.

use authorizer::Failure;
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use telemetry::RecordLog;
use testing::LogBuffer;

use crate::provider::Reply;

pub(crate) use testing::authorizer::{
    TestAuthorizer, authorizer, authorizer_in, authorizer_recording,
};
pub(crate) use testing::tokens::{
    ALGORITHMS, AUDIENCE, ISSUER, PRO, Signer, after, bearer_event, claims, event, noon, policy,
};

/// Returns an authorizer with these environment variables.
pub(crate) fn authorizer_with_environment(
    policy: &Value,
    environment: &[(&str, &str)],
) -> TestAuthorizer {
    authorizer_in(policy, environment, RecordLog::to(std::io::sink()))
}

/// The environment in which the authorizer calls AWS at `url`.
pub(crate) fn aws_environment(url: &str) -> [(&str, &str); 4] {
    [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", url),
    ]
}

/// The response of Systems Manager with the value of a parameter.
pub(crate) fn parameter(secret: &str) -> Reply {
    Reply::json(&json!({"Parameter": {"Value": secret}}))
}

/// Returns the outcome at noon: the `reason` in the context, `401`, or the fault.
pub(crate) async fn reason_of(authorizer: &TestAuthorizer, event: Value) -> String {
    reason_at(authorizer, event, noon()).await
}

/// Returns the response as API Gateway reads it.
pub(crate) async fn handle_at(
    authorizer: &TestAuthorizer,
    event: &Value,
    now: Timestamp,
) -> Result<Value, Failure> {
    let response = authorizer
        .at(now)
        .handle(&to_raw_value(event).unwrap())
        .await?;
    Ok(serde_json::from_str(response.get()).unwrap())
}

/// Returns the response at noon, if there is one, and the line of the log.
pub(crate) async fn response_and_line(
    authorizer: &TestAuthorizer,
    event: &Value,
) -> (Option<Value>, Value) {
    let log = LogBuffer::default();
    let writer = log.clone();
    let subscriber = authorizer::log_to(None, move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let response = handle_at(authorizer, event, noon()).await.ok();
    let lines = log.json_lines();
    let line = lines.into_iter().find(|line| line["message"] == "decided");
    (response, line.unwrap_or_default())
}

pub(crate) async fn reason_at(authorizer: &TestAuthorizer, event: Value, now: Timestamp) -> String {
    match handle_at(authorizer, &event, now).await {
        Ok(response) => response["context"]["reason"].as_str().unwrap().to_owned(),
        Err(Failure::Unauthorized(_)) => "401".to_owned(),
        Err(Failure::Fault(problem)) => problem,
    }
}

/// Returns the log line of a request at noon.
pub(crate) async fn log_line(authorizer: &TestAuthorizer, event: Value) -> Value {
    let log = LogBuffer::default();
    let writer = log.clone();
    let subscriber = authorizer::log_to(None, move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let _ = handle_at(authorizer, &event, noon()).await;
    log.json_lines().pop().unwrap()
}

pub(crate) async fn context(authorizer: &TestAuthorizer, event: Value) -> Value {
    handle_at(authorizer, &event, noon()).await.unwrap()["context"].take()
}

pub(crate) fn authorizer_for_signer(signer: &Signer) -> TestAuthorizer {
    authorizer(&policy(&signer.jwks()))
}

pub(crate) fn authorizer_for_issuer(
    signer: &Signer,
    change: impl FnOnce(&mut Value),
) -> TestAuthorizer {
    let mut policy = policy(&signer.jwks());
    change(&mut policy["issuers"][0]);
    authorizer(&policy)
}

/// Asserts that an authorizer which trusts the ES256 key refuses these tokens.
pub(crate) async fn assert_refused(tokens: impl IntoIterator<Item = (String, String)>) {
    let authorizer = authorizer_for_signer(&Signer::of("ES256"));
    for (case, token) in tokens {
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            "401",
            "{case}"
        );
    }
}
