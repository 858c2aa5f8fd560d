//! Plans and keys are read once for all who want them at the same time, and nobody waits for
//! others' sake.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::Deadline;
use limits::SECOND;
use registry::KeyHash;
use registry::RegistryError;
use store::{DynamoDbStore, StoreError};

use crate::failure::World;
use testing::Fault;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, TEST_DEADLINE, aws, caller, instance, patient, plan};

const AT_ONCE: usize = 20;

/// How `AT_ONCE` reads of a key and its plan ended, and how many requests they were.
async fn read(
    world: &World,
    store: &Arc<DynamoDbStore>,
    deadline: Duration,
) -> (Vec<Result<bool, StoreError>>, usize) {
    let before = world.proxy.count("GetItem");
    let one = || {
        let (store, deadline) = (Arc::clone(store), Deadline::after(Instant::now(), deadline));
        async move {
            let hash = KeyHash::of("local-free-key-000000000001").unwrap();
            let Some(key) = store.key(&hash, deadline).await? else {
                return Ok(false);
            };
            Ok(store.plan(&key.plan, deadline).await?.is_some())
        }
    };
    let all: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(one())).collect();
    let mut ended = Vec::new();
    for one in all {
        ended.push(one.await.unwrap());
    }
    (ended, world.proxy.count("GetItem") - before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_plan_are_read_once_however_many_decide_at_once() {
    let world = World::new().await;
    let store = Arc::new(instance(&aws(&world.proxy.url).await, TEST_DEADLINE));
    let (ended, requests) = read(&world, &store, TEST_DEADLINE).await;
    assert!(
        ended.iter().all(|ended| matches!(ended, Ok(true))),
        "{ended:?}"
    );
    assert_eq!(requests, 2);
    assert_eq!(read(&world, &store, TEST_DEADLINE).await.1, 0);
}

/// The one who reads has all the time there is, the others have not.
#[tokio::test]
async fn a_read_that_hangs_is_one_request_and_keeps_nobody_beyond_its_deadline() {
    let world = World::new().await;
    let store = Arc::new(instance(&aws(&world.proxy.url).await, TEST_DEADLINE));
    world.proxy.fault_all(Fault::Hang);
    let before = world.proxy.count("GetItem");
    let reader = Arc::clone(&store);
    let hash = KeyHash::of("local-free-key-000000000001").unwrap();
    let reader = tokio::spawn(async move { reader.key(&hash, patient()).await });
    while world.proxy.count("GetItem") == before {
        tokio::task::yield_now().await;
    }
    let (ended, requests) = read(&world, &store, Duration::from_millis(100)).await;
    assert!(
        ended.iter().all(|ended| matches!(
            ended,
            Err(StoreError::Registry(RegistryError::Unavailable {
                kind: "key",
                ..
            }))
        )),
        "{ended:?}"
    );
    assert_eq!(requests, 0);
    assert!(!reader.is_finished());
    reader.abort();
}

/// The item itself, and one request for all months that may have an item of their own.
#[tokio::test]
async fn a_report_reads_only_what_its_range_asks_for() {
    let world = World::new().await;
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#), caller());
    for days_ago in [40, 20, 0] {
        store
            .charge_at(
                &caller,
                &plan,
                None,
                1,
                NOON - days_ago * 86_400 * SECOND,
                patient(),
            )
            .await
            .unwrap();
    }

    for (from, to, used, requests) in [
        ("2025-11-29", "2026-11-28", 3, [1, 1]),
        ("2026-11-01", "2026-11-22", 2, [1, 1]),
        ("2026-11-22", "2026-11-22", 1, [1, 1]),
        ("2026-11-01", "2026-12-31", 2, [1, 1]),
        ("2026-12-01", "2026-12-31", 0, [1, 0]),
    ] {
        let count = || ["GetItem", "BatchGetItem"].map(|operation| world.proxy.count(operation));
        let before = count();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let report = store
            .usage_at(&caller, Some(&plan), from, to, NOON, patient())
            .await
            .unwrap();
        let after = count();
        assert_eq!(
            report.days.iter().map(|day| day.units).sum::<u64>(),
            used,
            "{from} {to}"
        );
        assert_eq!(
            [after[0] - before[0], after[1] - before[1]],
            requests,
            "{from} {to}"
        );
    }
}
