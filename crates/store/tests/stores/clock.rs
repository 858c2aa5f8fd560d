//! The store's clock: each attempt of a charge has the time at which it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use limits::{Caller, Decision, Nanos, Plan, SECOND, Verdict};
use store::{Call, Clock, DynamoDbStore};
use testing::stores::{MILLISECOND, NOON, TEST_DEADLINE, aws, caller, instance, patient, plan};
use testing::{Fault, FaultProxy};

use crate::failure::World;

/// 2026-11-23T00:00:00Z
const MIDNIGHT: Nanos = NOON + 12 * 3600 * SECOND;

/// A clock that a test sets, in milliseconds from its origin.
struct TestClock {
    origin: Nanos,
    milliseconds: Arc<AtomicI64>,
}

impl TestClock {
    fn from(origin: Nanos) -> Self {
        let milliseconds = Arc::default();
        Self {
            origin,
            milliseconds,
        }
    }

    fn set(&self, milliseconds: i64) {
        self.milliseconds.store(milliseconds, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let (origin, milliseconds) = (self.origin, Arc::clone(&self.milliseconds));
        Clock::new(move || origin + Nanos::from(milliseconds.load(Ordering::Relaxed)) * MILLISECOND)
    }

    /// Throttles the first write that the proxy sees from now on, and then sets the clock.
    fn throttle_until(&self, proxy: &FaultProxy, milliseconds: i64) {
        let clock = Arc::clone(&self.milliseconds);
        let mut has_throttled = false;
        proxy.fault_by(move |_, operation| {
            if operation != "UpdateItem" || std::mem::replace(&mut has_throttled, true) {
                return Fault::None;
            }
            clock.store(milliseconds, Ordering::Relaxed);
            Fault::Throttle
        });
    }
}

async fn charge(store: &DynamoDbStore, caller: &Caller, plan: &Plan) -> Decision {
    let call = Call {
        caller,
        group: None,
        plan,
        route: None,
        cost: 1,
        deadline: patient(),
    };
    store.charge(&call).await.unwrap()
}

#[tokio::test]
async fn a_retry_is_allowed_by_a_token_that_came_while_it_waited() {
    let world = World::new().await;
    let time = TestClock::from(NOON);
    let clients = aws(&world.proxy.url).await;
    // A new instance remembers no refusal.
    let store = || instance(&clients, TEST_DEADLINE).with_clock(time.clock());
    let (caller, plan) = (caller(), plan(r#"{"throttle":{"rate":1,"burst":1}}"#));
    let first = charge(&store(), &caller, &plan).await;
    assert_eq!(first.verdict, Verdict::Allowed);

    time.set(900);
    let refused = charge(&store(), &caller, &plan).await;
    assert!(matches!(refused.verdict, Verdict::Throttled { .. }));

    time.throttle_until(&world.proxy, 1100);
    let retried = charge(&store(), &caller, &plan).await;
    assert_eq!(
        (retried.verdict, retried.degraded),
        (Verdict::Allowed, false)
    );
}

#[tokio::test]
async fn a_retry_after_midnight_is_counted_and_reported_in_the_new_window() {
    let world = World::new().await;
    let time = TestClock::from(MIDNIGHT);
    let store = instance(&aws(&world.proxy.url).await, TEST_DEADLINE).with_clock(time.clock());
    let (caller, plan) = (caller(), plan(r#"{"quotas":[{"limit":5,"period":"day"}]}"#));
    time.set(-100);
    assert_eq!(charge(&store, &caller, &plan).await.limits[0].remaining, 4);

    time.throttle_until(&world.proxy, 100);
    let retried = charge(&store, &caller, &plan).await;
    let quota = &retried.limits[0];
    assert_eq!((quota.remaining, quota.reset_s), (4, Some(86_400)));
}

#[tokio::test]
async fn wrong_guesses_of_one_attempt_share_one_time() {
    let world = World::new().await;
    let server = instance(&aws(&world.proxy.url).await, TEST_DEADLINE);
    let (caller, plan) = (caller(), plan(r#"{"throttle":{"rate":1,"burst":9}}"#));
    let time = TestClock::from(NOON);
    charge(&server.with_clock(time.clock()), &caller, &plan).await;

    // A new instance does not know that the bucket is busy, and each reading is a millisecond later.
    let reads = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&reads);
    let clock = Clock::new(move || {
        NOON + Nanos::from(counted.fetch_add(1, Ordering::Relaxed)) * MILLISECOND
    });
    let fresh = instance(&aws(&world.proxy.url).await, TEST_DEADLINE).with_clock(clock);
    let before = world.proxy.count("UpdateItem");
    let decision = charge(&fresh, &caller, &plan).await;

    assert_eq!(decision.verdict, Verdict::Allowed);
    assert_eq!(world.proxy.count("UpdateItem") - before, 2);
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}
