//! Refunds, grants, looks and shadow mode while the store fails: nothing is given twice, and nothing is made up.

use std::time::Instant;

use calls::Deadline;
use usage::{Refund, StoreError, Verdict};

use crate::failure::{DEADLINE, World, charge, plan_that};
use crate::proxy::Fault;
use crate::subject::{caller, now, plan};

/// The mark was written, and so was the refund, whose reply was lost: nobody knows, and it is not given twice.
#[tokio::test]
async fn a_refund_of_which_nobody_knows_is_not_given_twice() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("deny"), caller());
    let charges = [
        charge(&store, &caller, &plan).await.0.charge.unwrap(),
        charge(&store, &caller, &plan).await.0.charge.unwrap(),
    ];
    let refund = async |charge| store.refund(&caller, charge, now(), Deadline::after(Instant::now(), DEADLINE)).await;
    for (lost, charge) in [0, 1].into_iter().zip(&charges) {
        world.proxy.by(move |number, _| if number == lost { Fault::LoseReply } else { Fault::None });
        assert!(matches!(refund(charge).await, Err(StoreError::NoAnswer(_))), "{lost}");
        assert_eq!(refund(charge).await.unwrap(), Refund::AlreadyRefunded, "{lost}");
    }
    // The first was marked only, the second was given back.
    assert_eq!(world.used(&caller, &plan).await, 1);
}

#[tokio::test]
async fn what_is_asked_of_a_store_that_hangs_is_an_error_and_not_an_answer() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("allow"), caller());
    world.proxy.all(Fault::Hang);
    let deadline = || Deadline::after(Instant::now(), DEADLINE);
    let today = jiff::civil::date(2026, 11, 22);
    assert!(matches!(store.peek(&caller, &plan, None, 1, now(), deadline()).await, Err(StoreError::NoAnswer(_))));
    assert!(store.usage(&caller, &plan, today, today, now(), deadline()).await.is_err());
    assert!(store.grant(&caller, &plan, "day", 1, None, now(), deadline()).await.is_err());
}

#[tokio::test]
async fn s43_a_plan_in_shadow_refuses_nothing_whatever_the_store_does() {
    let world = World::new().await;
    let store = world.warm().await;
    let plan = plan(r#"{"quotas":[{"limit":1000,"period":"day"}],"on_store_failure":"deny","shadow":true}"#);
    world.proxy.all(Fault::Throttle);
    let (decision, _) = charge(&store, &caller(), &plan).await;
    assert_eq!((&decision.verdict, decision.degraded), (&Verdict::Allowed, true));
    assert!(matches!(decision.shadowed, Some(Verdict::Unavailable { .. })), "{decision:?}");
}
