//! What reporting figures cost, and what becomes of them if writes fail.

use std::time::{Duration, Instant};

use aws::Deadline;
use jiff::civil::date;
use limits::{Caller, Plan, SECOND, Verdict};
use store::DynamoDbStore;

use crate::failure::World;
use crate::own_reports::shared_plan;
use testing::Fault;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, TEST_DEADLINE, aws, caller, instance, patient};

async fn charge(store: &DynamoDbStore, caller: &Caller, plan: &Plan, now: i128) {
    let decision = store
        .charge_at(caller, plan, None, 1, now, patient())
        .await
        .unwrap();
    assert_eq!(
        (decision.verdict, decision.degraded),
        (Verdict::Allowed, false)
    );
}

/// What an instance that knows nothing reports.
async fn reported(world: &World, caller: &Caller) -> u64 {
    let reader = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let day = date(2026, 11, 22);
    reader
        .usage_at(caller, None, day, day, NOON, patient())
        .await
        .unwrap()
        .days[0]
        .units
}

#[tokio::test]
async fn figures_of_a_key_are_written_at_most_once_per_minute() {
    let world = World::new().await;
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (plan, callers) = (shared_plan(1_000_000), [caller(), caller()]);
    let before = world.proxy.count("UpdateItem");

    // Two keys, five calls per second together, for three minutes and one call.
    let mut calls = 0;
    for step in 0..=450 {
        let now = NOON + step * 2 * SECOND / 5;
        charge(&store, &callers[usize::from(step % 3 == 0)], &plan, now).await;
        calls += 1;
    }
    let figures = world.proxy.count("UpdateItem") - before - calls;
    assert!(
        (6..=8).contains(&figures),
        "{figures} writes of figures for {calls} decisions"
    );

    // Another instance sees all but the calls since the last write, and all of them after shutdown.
    let seen = [
        reported(&world, &callers[0]).await,
        reported(&world, &callers[1]).await,
    ];
    assert!(
        (150..=300).contains(&seen[0]) && (75..=151).contains(&seen[1]),
        "{seen:?}"
    );
    store.flush_at(NOON, patient()).await;
    assert_eq!(
        [
            reported(&world, &callers[0]).await,
            reported(&world, &callers[1]).await
        ],
        [300, 151]
    );
    let after = world.proxy.count("UpdateItem");
    store.flush_at(NOON, patient()).await;
    assert_eq!(
        world.proxy.count("UpdateItem"),
        after,
        "nothing is left to write"
    );
}

#[tokio::test]
async fn a_plan_that_is_not_shared_costs_one_write_per_call() {
    let world = World::new().await;
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (plan, caller) = (
        testing::stores::plan(r#"{"quotas":[{"limit":99,"period":"day"}]}"#),
        caller(),
    );
    let before = world.proxy.count("UpdateItem");
    for minute in 0..5 {
        charge(&store, &caller, &plan, NOON + minute * 60 * SECOND).await;
    }
    assert_eq!(world.proxy.count("UpdateItem") - before, 5);
}

/// Every second write of the instance is one of figures.
#[tokio::test]
async fn an_addition_that_may_have_happened_is_not_repeated() {
    for (fault, expected) in [(Fault::LoseResponse, 2), (Fault::Throttle, 2)] {
        let world = World::new().await;
        let store = instance(&aws(&world.proxy.url).await, Duration::from_secs(1));
        let (plan, caller) = (shared_plan(100), caller());
        let mut writes = 0;
        world.proxy.fault_by(move |_, operation| {
            writes += usize::from(operation == "UpdateItem");
            if operation == "UpdateItem" && writes == 2 {
                fault
            } else {
                Fault::None
            }
        });

        let deadline = || Deadline::after(Instant::now(), Duration::from_secs(1));
        let decision = store
            .charge_at(&caller, &plan, None, 1, NOON, deadline())
            .await
            .unwrap();
        assert_eq!(
            (decision.verdict, decision.degraded),
            (Verdict::Allowed, false),
            "{fault:?}"
        );
        charge(&store, &caller, &plan, NOON + SECOND).await;
        store.flush_at(NOON + SECOND, patient()).await;
        assert_eq!(reported(&world, &caller).await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn figures_wait_while_the_store_is_down() {
    let world = World::new().await;
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (plan, caller) = (shared_plan(100), caller());
    charge(&store, &caller, &plan, NOON).await;
    charge(&store, &caller, &plan, NOON + SECOND).await;

    world.proxy.fault_all(Fault::Throttle);
    // A call that is cut off by its deadline may have happened, and would not be repeated.
    store.flush_at(NOON + SECOND, patient()).await;
    world.proxy.fault_all(Fault::None);
    assert_eq!(reported(&world, &caller).await, 1);
    charge(&store, &caller, &plan, NOON + 62 * SECOND).await;
    assert_eq!(reported(&world, &caller).await, 3);
}
