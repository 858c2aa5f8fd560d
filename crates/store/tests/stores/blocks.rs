//! Blocks of callers, on each store.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use limits::Caller;
use registry::{
    AdminError, Block, BlockTarget, Condition, MAX_BLOCKS, MAX_NOTE_CHARACTERS, Refusal,
};
use testing::stores::Subject;

use crate::cases::{stores, test_on_stores};

/// Blocks of one test at the same time.
const AT_ONCE: usize = 50;

test_on_stores! { stores [embedded, ministack, dynalite]
    block_is_written_read_changed_and_removed
    blocks_at_the_same_time_are_all_in_force
}

// The number of blocks does not depend on the store, and 1,000 writes take long on a server.
test_on_stores! { stores [embedded]
    ended_blocks_are_removed_and_the_number_is_limited
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

async fn blocks_at_the_same_time_are_all_in_force(subject: Arc<Subject>) {
    let put = |number: usize| {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move {
            let block = block(key(&format!("key-{number:02}")), None);
            let admin = subject.store.admin();
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
    assert!(is_blocked(&subject, "key-49").await);
}

async fn ended_blocks_are_removed_and_the_number_is_limited(subject: Arc<Subject>) {
    let (admin, now) = (subject.store.admin(), Timestamp::now());
    let end = now + SignedDuration::from_secs(60);
    let put = async |number: usize, at| {
        let block = block(key(&format!("key-{number:04}")), Some(end));
        admin.put_block(&block, &Condition::None, at).await
    };
    for number in 0..MAX_BLOCKS {
        put(number, now).await.unwrap();
    }
    let full = put(MAX_BLOCKS, now).await;
    assert!(matches!(
        full,
        Err(AdminError::Refused(Refusal::TooManyBlocks))
    ));

    // An existing block can be changed, and the ended ones make room.
    put(0, now).await.unwrap();
    assert_eq!(admin.blocks(end).await.unwrap(), []);
    let note = "\u{1F6D1}".repeat(MAX_NOTE_CHARACTERS);
    let block = Block {
        note: Some(note),
        ..block(key("after"), None)
    };
    admin
        .put_block(&block, &Condition::None, end)
        .await
        .unwrap();
    assert_eq!(admin.blocks(now).await.unwrap().len(), 1);
}
