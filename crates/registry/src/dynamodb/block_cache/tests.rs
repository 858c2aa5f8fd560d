use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ResourceNotFoundException;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use jiff::Timestamp;
use limits::Caller;

use super::*;
use crate::dynamodb::item::{DOCUMENT, VERSION};

const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

/// The document with a block of the key `k1`.
const BLOCKED: &str =
    r#"{"blocks":[{"kind":"key","id":"k1","created_at":"2026-01-01T00:00:00Z"}]}"#;

fn output(document: &str) -> GetItemOutput {
    output_of_version("1", document)
}

fn output_of_version(version: &str, document: &str) -> GetItemOutput {
    GetItemOutput::builder()
        .item(VERSION, AttributeValue::N(version.to_owned()))
        .item(DOCUMENT, AttributeValue::S(document.to_owned()))
        .build()
}

fn failure() -> GetItemError {
    GetItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build())
}

fn cache(reads: &Rule) -> Arc<BlockCache> {
    let client = mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, [reads]);
    let breaker = Arc::new(Breaker::new("registry"));
    Arc::new(BlockCache::new(client, "registry".to_owned(), breaker))
}

async fn is_blocked(cache: &Arc<BlockCache>, at: Instant) -> Result<bool, RegistryError> {
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
    let blocks = cache.get(at, deadline).await?;
    let caller = Caller::Key("k1".to_owned());
    Ok(blocks.caller(&caller, NOW).is_some())
}

fn after(milliseconds: u64, begin: Instant) -> Instant {
    begin + Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn blocks_are_read_once_for_20_seconds_and_then_in_the_background() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.output(|| output("{\"blocks\":[]}"));
    let reads = reads.output(|| output(BLOCKED)).build();
    let (cache, begin) = (cache(&reads), Instant::now());
    for milliseconds in [0, 1, 19_999] {
        assert!(
            !is_blocked(&cache, after(milliseconds, begin))
                .await
                .unwrap()
        );
    }
    assert_eq!(reads.num_calls(), 1);

    // The decision does not wait: the old blocks are used.
    assert!(!is_blocked(&cache, after(20_000, begin)).await.unwrap());
    while cache.state().known.as_ref().unwrap().read_at == begin {
        tokio::task::yield_now().await;
    }
    assert!(is_blocked(&cache, after(20_001, begin)).await.unwrap());
    assert_eq!(reads.num_calls(), 2);
}

#[tokio::test]
async fn blocks_of_30_seconds_are_read_before_they_are_used() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.output(|| GetItemOutput::builder().build());
    let reads = reads.output(|| output(BLOCKED)).build();
    let (cache, begin) = (cache(&reads), Instant::now());
    assert!(!is_blocked(&cache, begin).await.unwrap());
    assert!(is_blocked(&cache, after(30_000, begin)).await.unwrap());
    assert_eq!(reads.num_calls(), 2);
}

#[tokio::test]
async fn last_blocks_stay_in_force_while_the_table_does_not_respond() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.output(|| output(BLOCKED));
    let reads = reads.error(failure).repeatedly().build();
    let (cache, begin) = (cache(&reads), Instant::now());
    assert!(is_blocked(&cache, begin).await.unwrap());

    let day = 24 * 60 * 60 * 1_000;
    assert!(is_blocked(&cache, after(day, begin)).await.unwrap());
    let calls = reads.num_calls();
    // A failed read is repeated after a second, not by each decision.
    assert!(is_blocked(&cache, after(day + 999, begin)).await.unwrap());
    assert_eq!(reads.num_calls(), calls);
    assert!(is_blocked(&cache, after(day + 1_000, begin)).await.unwrap());
    assert!(reads.num_calls() > calls);
}

#[tokio::test]
async fn last_blocks_stay_in_force_while_the_document_is_invalid() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.output(|| output(BLOCKED));
    let reads = reads.output(|| output("{"));
    // A later release has written it.
    let reads = reads.output(|| output_of_version("99", "{\"blocks\":[]}"));
    let reads = reads.build();
    let (cache, begin) = (cache(&reads), Instant::now());
    for milliseconds in [0, 30_000, 60_000] {
        assert!(
            is_blocked(&cache, after(milliseconds, begin))
                .await
                .unwrap()
        );
    }
    assert_eq!(reads.num_calls(), 3);
}

#[tokio::test]
async fn blocks_that_were_never_read_are_an_error_until_they_are() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.error(failure).output(|| output(BLOCKED)).build();
    let (cache, begin) = (cache(&reads), Instant::now());
    assert!(matches!(
        is_blocked(&cache, begin).await,
        Err(RegistryError::Unavailable { kind: "blocks", .. })
    ));
    assert!(is_blocked(&cache, begin).await.unwrap());
}

#[tokio::test]
async fn concurrent_decisions_share_one_read() {
    let reads = mock!(Client::get_item).sequence();
    let reads = reads.output(|| output(BLOCKED)).build();
    let (cache, begin) = (cache(&reads), Instant::now());
    let all = (0..20).map(|_| is_blocked(&cache, begin));
    let all = futures_util::future::join_all(all).await;
    assert!(all.into_iter().all(|blocked| matches!(blocked, Ok(true))));
    assert_eq!(reads.num_calls(), 1);
}
