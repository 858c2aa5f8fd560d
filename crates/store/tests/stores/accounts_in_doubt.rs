//! Grants, looks and shadow mode while the store fails: nothing is given twice, and nothing is made
//! up.

use std::sync::Arc;
use std::time::Instant;

use aws::Deadline;
use limits::{Grant, Verdict};
use store::{GrantError, StoreError};

use crate::failure::{DEADLINE, World, charge, plan_that};
use testing::Fault;
use testing::store_time::StoreAt as _;
use testing::stores::{caller, from_noon, patient, plan, unique};

/// Wherever the first attempt breaks off, and whatever others grant before it is repeated.
#[tokio::test]
async fn a_grant_of_which_nobody_knows_is_made_once_when_it_is_repeated() {
    let world = World::new().await;
    let plan = plan_that("deny");
    for between in [false, true] {
        for lost in 0..5 {
            for fault in [Fault::LoseResponse, Fault::Reset] {
                let (store, caller, [id, earlier, other]) =
                    (world.warm().await, caller(), [unique(), unique(), unique()]);
                let grant = async |amount, id: &str| {
                    store
                        .grant_at(
                            &caller,
                            &plan,
                            "day",
                            amount,
                            Some(id),
                            from_noon(),
                            patient(),
                        )
                        .await
                };
                grant(1, &earlier).await.unwrap();
                world
                    .proxy
                    .fault_by(move |number, _| if number == lost { fault } else { Fault::None });
                let first = grant(10, &id).await;
                world.proxy.fault_all(Fault::None);
                if between {
                    grant(100, &other).await.unwrap();
                }
                let again = grant(10, &id).await.unwrap();
                assert_eq!(again.granted, 10, "{between} {lost} {fault:?}: {first:?}");
                assert_eq!(
                    grant(10, &id).await.unwrap(),
                    Grant {
                        repeated: true,
                        ..again
                    }
                );
                let granted = 11 + if between { 100 } else { 0 };
                let look = store
                    .peek_at(&caller, &plan, None, 1, from_noon(), patient())
                    .await
                    .unwrap();
                let left = look.limits.last().unwrap().remaining;
                assert_eq!(
                    left,
                    1000 + granted,
                    "{between} {lost} {fault:?}: {first:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_asked_of_a_store_that_hangs_is_an_error_and_not_an_answer() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("allow"), caller());
    world.proxy.fault_all(Fault::Hang);
    let deadline = || Deadline::after(Instant::now(), DEADLINE);
    let today = jiff::civil::date(2026, 11, 22);
    assert!(matches!(
        store
            .peek_at(&caller, &plan, None, 1, from_noon(), deadline())
            .await,
        Err(StoreError::NoAnswer(_))
    ));
    assert!(
        store
            .usage_at(&caller, Some(&plan), today, today, from_noon(), deadline())
            .await
            .is_err()
    );
    assert!(
        store
            .grant_at(&caller, &plan, "day", 1, None, from_noon(), deadline())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_plan_in_shadow_mode_refuses_nothing_during_an_outage() {
    let world = World::new().await;
    let store = world.warm().await;
    let plan = plan(
        r#"{"quotas":[{"limit":1000,"period":"day"}],"on_store_failure":"deny","shadow":true}"#,
    );
    world.proxy.fault_all(Fault::Reset);
    let (decision, _) = charge(&store, &caller(), &plan).await;
    assert_eq!(
        (&decision.verdict, decision.degraded),
        (&Verdict::Allowed, true)
    );
    assert!(
        matches!(decision.shadowed, Some(Verdict::Unavailable { .. })),
        "{decision:?}"
    );

    world.proxy.fault_all(Fault::Throttle);
    let (decision, _) = charge(&store, &caller(), &plan).await;
    assert_eq!(
        (&decision.verdict, decision.degraded),
        (&Verdict::Allowed, false)
    );
    assert!(
        matches!(decision.shadowed, Some(Verdict::Throttled { .. })),
        "{decision:?}"
    );
}

/// Each is made, or refused because of the others; then it was not made.
#[tokio::test]
async fn named_grants_at_once_are_made_or_told_that_others_are_in_the_way() {
    let world = World::new().await;
    let (plan, caller) = (Arc::new(plan_that("deny")), caller());
    let mut grants = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (store, plan, caller) = (world.warm().await, Arc::clone(&plan), caller.clone());
        grants.spawn(async move {
            let id = unique();
            (
                store
                    .grant_at(&caller, &plan, "day", 1, Some(&id), from_noon(), patient())
                    .await,
                id,
            )
        });
    }

    let (mut made, mut refused) = (0, Vec::new());
    while let Some(grant) = grants.join_next().await {
        match grant.unwrap() {
            (Ok(grant), _) => made += grant.granted,
            (Err(GrantError::Store(StoreError::Busy)), id) => refused.push(id),
            (Err(error), _) => panic!("{error:?}"),
        }
    }
    let store = world.warm().await;
    let left = async || {
        let look = store
            .peek_at(&caller, &plan, None, 1, from_noon(), patient())
            .await
            .unwrap();
        i64::try_from(look.limits.last().unwrap().remaining).unwrap()
    };
    assert_eq!(left().await, 1000 + made);
    for id in refused {
        assert!(
            !store
                .grant_at(&caller, &plan, "day", 1, Some(&id), from_noon(), patient())
                .await
                .unwrap()
                .repeated
        );
    }
    assert_eq!(left().await, 1024);
}
