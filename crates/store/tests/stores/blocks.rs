//! Blocks of callers, on each store.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use limits::Caller;
use registry::{
    Admin, AdminError, Block, BlockTarget, Condition, MAX_BLOCKS, MAX_NOTE_CHARACTERS, Refusal,
};
use serde_json::json;
use testing::Emulator;
use testing::stores::Subject;

use crate::audit::Trail;
use crate::cases::{stores, test_on_stores};
use crate::registry_items::{World, test_on_servers};

/// Blocks of one test at the same time.
const AT_ONCE: usize = 50;

test_on_stores! { stores [embedded, ministack, dynalite]
    block_is_written_read_changed_and_removed
    blocks_at_the_same_time_are_all_in_force
    ended_blocks_are_removed_by_the_next_write
}

// Records need transactions, which dynalite does not have.
test_on_stores! { stores [embedded, ministack]
    each_change_of_a_block_has_one_record
    blocks_at_the_same_time_have_one_record_each
}

test_on_servers! {
    number_of_stored_blocks_is_limited
    size_of_stored_blocks_is_limited
}

fn key(id: &str) -> BlockTarget {
    BlockTarget::Key(id.to_owned())
}

fn block(target: BlockTarget, until: Option<Timestamp>) -> Block {
    Block {
        target,
        until,
        note: None,
        created_at: Timestamp::now(),
    }
}

/// Reads the blocks from the cache of the store: a change after the first call is not seen at once.
async fn is_blocked(subject: &Subject, id: &str) -> bool {
    let deadline = testing::stores::patient();
    let blocks = subject.store.blocks(deadline).await.unwrap();
    blocks
        .caller(&Caller::Key(id.to_owned()), Timestamp::now())
        .is_some()
}

async fn block_is_written_read_changed_and_removed(subject: Arc<Subject>) {
    let (admin, now) = (subject.store.admin(), Timestamp::now());
    let target = key("one");
    let missing = admin.block(&target, now).await.unwrap_err();
    assert!(matches!(missing, AdminError::Refused(Refusal::NotFound)));

    let first = block(target.clone(), None);
    let made = admin
        .put_block(&first, &Condition::Absent, now)
        .await
        .unwrap();
    assert_eq!((&made.before, &made.block.note), (&None, &None));
    assert!(is_blocked(&subject, "one").await);
    assert!(!is_blocked(&subject, "two").await);

    let later = now + SignedDuration::from_secs(60);
    let second = Block {
        note: Some("why".to_owned()),
        until: Some(later),
        ..block(target.clone(), None)
    };
    let refused = admin.put_block(&second, &Condition::Absent, later).await;
    assert!(matches!(
        refused,
        Err(AdminError::Refused(Refusal::Precondition))
    ));
    let matches = Condition::Matches(vec![made.version]);
    let changed = admin.put_block(&second, &matches, now).await.unwrap();
    assert_eq!(changed.before, Some(made.block.clone()));
    assert_eq!(changed.block.created_at, made.block.created_at);

    let read = admin.block(&target, now).await.unwrap();
    assert_eq!(
        (read.document, &read.version),
        (changed.block, &changed.version)
    );
    let stale = admin.delete_block(&target, &matches, now).await;
    assert!(matches!(
        stale,
        Err(AdminError::Refused(Refusal::Precondition))
    ));
    admin
        .delete_block(&target, &Condition::None, now)
        .await
        .unwrap();
    assert_eq!(admin.blocks(now).await.unwrap(), []);
}

/// Writes blocks at the same time, with records if there is a trail.
async fn put_at_once(subject: &Arc<Subject>, trail: Option<&Arc<Trail>>) {
    let put = |number: usize| {
        let (subject, trail) = (Arc::clone(subject), trail.cloned());
        tokio::spawn(async move {
            let block = block(key(&format!("key-{number:02}")), None);
            let admin = match &trail {
                Some(trail) => trail.admin(&subject.store),
                None => subject.store.admin(),
            };
            let put = admin.put_block(&block, &Condition::None, Timestamp::now());
            put.await.map(drop)
        })
    };
    for put in (0..AT_ONCE).map(put).collect::<Vec<_>>() {
        put.await.unwrap().unwrap();
    }

    let blocks = subject
        .store
        .admin()
        .blocks(Timestamp::now())
        .await
        .unwrap();
    let ids: Vec<_> = blocks.iter().map(|block| block.target.id()).collect();
    let expected: Vec<_> = (0..AT_ONCE)
        .map(|number| format!("key-{number:02}"))
        .collect();
    assert_eq!(ids, expected);
}

async fn blocks_at_the_same_time_are_all_in_force(subject: Arc<Subject>) {
    put_at_once(&subject, None).await;
    assert!(is_blocked(&subject, "key-49").await);
}

async fn blocks_at_the_same_time_have_one_record_each(subject: Arc<Subject>) {
    let trail = Arc::new(Trail::new());
    put_at_once(&subject, Some(&trail)).await;
    let records = trail.records(&subject.store).await;
    assert_eq!(records, vec!["create block"; AT_ONCE]);
}

async fn each_change_of_a_block_has_one_record(subject: Arc<Subject>) {
    let (trail, now) = (Trail::new(), Timestamp::now());
    let admin = trail.admin(&subject.store);
    let target = key("one");
    let put = async |until, condition| {
        let block = block(target.clone(), until);
        admin.put_block(&block, &condition, now).await
    };

    put(None, Condition::None).await.unwrap();
    put(None, Condition::None).await.unwrap();
    put(None, Condition::Absent).await.unwrap_err();
    assert_eq!(trail.records(&subject.store).await, ["create block"]);

    let until = now + SignedDuration::from_secs(60);
    put(Some(until), Condition::None).await.unwrap();
    let remove = || admin.delete_block(&target, &Condition::None, now);
    remove().await.unwrap();
    remove().await.unwrap_err();
    assert_eq!(
        trail.records(&subject.store).await,
        ["create block", "remove block", "replace block"]
    );
}

async fn ended_blocks_are_removed_by_the_next_write(subject: Arc<Subject>) {
    let (admin, now) = (subject.store.admin(), Timestamp::now());
    let end = now + SignedDuration::from_secs(60);
    for (id, until) in [("one", Some(end)), ("two", None), ("three", Some(end))] {
        let block = block(key(id), until);
        admin
            .put_block(&block, &Condition::None, now)
            .await
            .unwrap();
    }
    let ids = async |at| {
        let blocks = admin.blocks(at).await.unwrap();
        blocks
            .iter()
            .map(|block| block.target.id())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(now).await, ["one", "three", "two"]);
    assert_eq!(ids(end).await, ["two"]);

    let ended = admin.delete_block(&key("one"), &Condition::None, end).await;
    assert!(matches!(ended, Err(AdminError::Refused(Refusal::NotFound))));
    let last = block(key("four"), None);
    admin.put_block(&last, &Condition::None, end).await.unwrap();
    // The ended blocks are not only hidden.
    assert_eq!(ids(now).await, ["four", "two"]);
}

/// Stores `number` blocks, each with a note of `note_bytes` bytes.
async fn store_blocks(world: &World, number: usize, note_bytes: usize) {
    let blocks: Vec<_> = (0..number)
        .map(|number| Block {
            note: Some("n".repeat(note_bytes)),
            ..block(key(&format!("key-{number:04}")), None)
        })
        .collect();
    let document = json!({"blocks": blocks}).to_string();

    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = world.client.put_item().table_name("tollgate-registry");
    let put = put.item("pk", text("blocks")).item("sk", text("blocks"));
    let put = put.item("v", AttributeValue::N("1".to_owned()));
    put.item("doc", text(&document)).send().await.unwrap();
}

async fn number_of_stored_blocks_is_limited(world: &World) {
    store_blocks(world, MAX_BLOCKS, 0).await;
    let now = Timestamp::now();
    let admin = Admin::dynamodb(world.store.registry());
    let put = async |id: &str| {
        let block = block(key(id), None);
        admin.put_block(&block, &Condition::None, now).await
    };

    let full = put("another").await;
    assert!(matches!(
        full,
        Err(AdminError::Refused(Refusal::TooManyBlocks))
    ));
    assert!(put("key-0000").await.unwrap().before.is_some());

    admin
        .delete_block(&key("key-0001"), &Condition::None, now)
        .await
        .unwrap();
    put("another").await.unwrap();
    assert_eq!(admin.blocks(now).await.unwrap().len(), MAX_BLOCKS);
}

async fn size_of_stored_blocks_is_limited(world: &World) {
    fill(world, Admin::dynamodb(world.store.registry())).await;
}

/// Not on dynalite, which has no transactions.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_document_and_a_record_fit_into_a_transaction() {
    let world = World::new(Emulator::ministack()).await;
    let trail = Trail::new();
    fill(
        &world,
        Admin::dynamodb(world.store.registry()).audited(&trail),
    )
    .await;
}

/// Writes blocks until their document has its greatest size.
async fn fill(world: &World, admin: Admin<'_>) {
    // About 342,000 bytes.
    store_blocks(world, MAX_BLOCKS, 256).await;
    let now = Timestamp::now();
    let put = async |id: &str, note: String| {
        let block = Block {
            note: Some(note),
            ..block(key(id), None)
        };
        admin.put_block(&block, &Condition::None, now).await
    };

    let long = "\u{1F6D1}".repeat(MAX_NOTE_CHARACTERS);
    let mut stored = 0;
    let refused = loop {
        match put(&format!("key-{stored:04}"), long.clone()).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 0);
    assert!(matches!(
        refused,
        AdminError::Refused(Refusal::TooManyBlocks)
    ));

    // Decisions read it, and it can be made smaller.
    let deadline = testing::stores::patient();
    let blocks = world.store.blocks(deadline).await.unwrap();
    let last = Caller::Key("key-0999".to_owned());
    assert!(blocks.caller(&last, now).is_some());
    put("key-0000", "short".to_owned()).await.unwrap();
    admin
        .delete_block(&key("key-0001"), &Condition::None, now)
        .await
        .unwrap();
}
