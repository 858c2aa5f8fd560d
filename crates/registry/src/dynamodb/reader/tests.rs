use super::*;
use crate::dynamodb::item::{DOCUMENT, VERSION};
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::types::error::ResourceNotFoundException;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use std::time::Duration;

fn output(form: &str, document: &str) -> GetItemOutput {
    GetItemOutput::builder()
        .item(VERSION, AttributeValue::N(form.to_owned()))
        .item(DOCUMENT, AttributeValue::S(document.to_owned()))
        .build()
}

/// A registry whose first read gives `first`, and all others nothing but errors.
fn registry(first: GetItemOutput) -> DynamoDbRegistry {
    let absent =
        || GetItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build());
    let reads = mock!(Client::get_item)
        .sequence()
        .output(move || first.clone())
        .error(absent)
        .repeatedly()
        .build();
    DynamoDbRegistry::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, [&reads]),
        "registry".to_owned(),
    )
}

fn deadline() -> Deadline {
    Deadline::after(Instant::now(), Duration::from_secs(60))
}

fn after(seconds: u64, begin: Instant) -> Instant {
    begin + Duration::from_secs(seconds)
}

fn hash() -> KeyHash {
    KeyHash::of("local-free-key-000000000001").unwrap()
}

const KEY_DOCUMENT: &str = r#"{"key_id":"k1","plan":"free","enabled":true}"#;

#[tokio::test]
async fn a_key_is_read_once_in_30_seconds_and_usable_for_15_minutes_without_the_store() {
    let (registry, begin) = (registry(output("1", KEY_DOCUMENT)), Instant::now());
    for seconds in [0, 29, 30, 899] {
        let key = registry
            .key(&hash(), after(seconds, begin), deadline())
            .await
            .unwrap();
        assert_eq!(key.unwrap().key_id, "k1", "after {seconds} s");
    }
    let error = registry
        .key(&hash(), after(900, begin), deadline())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        RegistryError::Unavailable { kind: "key", .. }
    ));
}

#[tokio::test]
async fn an_unknown_key_is_not_read_again_within_10_seconds_and_then_nobody_knows() {
    let (registry, begin) = (registry(GetItemOutput::builder().build()), Instant::now());
    for seconds in [0, 9] {
        assert_eq!(
            registry
                .key(&hash(), after(seconds, begin), deadline())
                .await
                .unwrap(),
            None
        );
    }
    assert!(
        registry
            .key(&hash(), after(10, begin), deadline())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_item_that_makes_no_sense_is_a_failure_and_not_an_unknown_key() {
    for (form, document, reason) in [
        (
            "3",
            KEY_DOCUMENT,
            "schema version Some(3), expected one of [1, 2]",
        ),
        ("1", "{", "EOF"),
        (
            "1",
            r#"{"key_id":"-","plan":"free","enabled":true}"#,
            "key_id is 1 to 128",
        ),
    ] {
        let registry = registry(output(form, document));
        let error = registry
            .key(&hash(), Instant::now(), deadline())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains(&hash().hex()), "{error}");
    }
}

#[tokio::test]
async fn a_plan_that_no_longer_makes_sense_is_used_as_it_was() {
    let documents = [
        r#"{"throttle":{"rate":1,"burst":5}}"#,
        r#"{"throttle":{"rate":-1,"burst":5}}"#,
    ];
    let [first, second] = documents.map(|document| output("1", document));
    let reads = mock!(Client::get_item).sequence();
    let reads = reads
        .output(move || first.clone())
        .output(move || second.clone())
        .build();
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, [&reads]);
    let (registry, begin) = (
        DynamoDbRegistry::new(client, "registry".to_owned()),
        Instant::now(),
    );
    for seconds in [0, 31] {
        let plan = registry
            .plan("free", after(seconds, begin), deadline())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(plan.bucket.as_ref().unwrap().burst, 5);
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_used_is_named_in_the_log() {
    let wrong = r#"{"throttle":{"rate":-1,"burst":5}}"#;
    for (form, document, expected) in [
        ("3", wrong, Some("schema version")),
        ("1", wrong, Some("rate")),
        ("1", "{}", None),
    ] {
        let (mut log, writer) = std::io::pipe().unwrap();
        let lines = telemetry::log_to(["usage"], None, move || writer.try_clone().unwrap());
        let guard = tracing::subscriber::set_default(lines);
        let plan = registry(output(form, document))
            .plan("free", Instant::now(), deadline())
            .await;
        assert_eq!(plan.is_err(), expected.is_some());
        drop(guard);
        let text = std::io::read_to_string(&mut log).unwrap();
        match expected {
            Some(expected) => assert!(
                text.contains(r#""plan":"free""#) && text.contains(expected),
                "{text}"
            ),
            None => assert_eq!(text, ""),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_a_plans_name_is_not_asked_for() {
    let registry = registry(output("1", "{}"));
    assert!(
        registry
            .plan("a name with spaces", Instant::now(), deadline())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        registry
            .plan("a-name", Instant::now(), deadline())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_policy_is_read_as_it_was_put_there_and_is_nobodys_business_but_the_readers() {
    let text = r#"{"rules": [ {"match":"GET /","auth":"none"} ]}"#;
    let registry = registry(output("1", text));
    assert_eq!(
        registry
            .policy("main", deadline())
            .await
            .unwrap()
            .as_deref(),
        Some(text)
    );
    let again = registry.policy("main", deadline()).await;
    assert!(
        matches!(
            again,
            Err(RegistryError::Unavailable { kind: "policy", .. })
        ),
        "it is never remembered"
    );
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_none_and_one_of_another_form_is_a_failure() {
    let absent = registry(GetItemOutput::builder().build());
    assert_eq!(absent.policy("main", deadline()).await.unwrap(), None);
    assert_eq!(absent.policy("no name", deadline()).await.unwrap(), None);
    let error = registry(output("3", "{}"))
        .policy("main", deadline())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("invalid policy item") && error.contains("schema version Some(3)"),
        "{error}"
    );
}
