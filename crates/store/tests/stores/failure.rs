//! Whatever the store does, the decision is there in time, says that it is degraded, and charges
//! nothing twice.

use std::time::{Duration, Instant};

use aws::Deadline;
use limits::{Caller, Decision, Plan, SECOND, Verdict, Violated};
use registry::KeyHash;
use registry::RegistryError;
use store::DynamoDbStore;

use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{Subject, TEST_DEADLINE, aws, caller, from_noon, instance, plan};
use testing::{Fault, FaultProxy};

pub(crate) const DEADLINE: Duration = Duration::from_millis(200);
/// What the answer may take beyond it, on a machine that does other things too: what is ruled out
/// is waiting for the store. The benchmark measures how late an answer is.
const GRACE: Duration = Duration::from_secs(2);

/// What a caller is told whose item is used too often.
fn hot_item() -> Verdict {
    Verdict::Throttled {
        quota: false,
        violated: Violated::new(),
        retry_after_s: 1,
    }
}

pub(crate) struct World {
    pub(crate) proxy: FaultProxy,
    server: Emulator,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Emulator::ministack();
        let proxy = FaultProxy::in_front_of(server.address).await;
        Subject::dynamodb("ministack", &proxy.url).await;
        Self { proxy, server }
    }

    /// An instance that has made a call before, so that its connection is open.
    pub(crate) async fn warm(&self) -> DynamoDbStore {
        let store = instance(&aws(&self.proxy.url).await, DEADLINE);
        let plan = plan("{}");
        store
            .charge_at(
                &caller(),
                &plan,
                None,
                1,
                from_noon(),
                Deadline::after(Instant::now(), TEST_DEADLINE),
            )
            .await
            .unwrap();
        store
    }

    /// How often a caller has been charged, as a store that nothing happens to sees it.
    pub(crate) async fn used(&self, caller: &Caller, plan: &Plan) -> u64 {
        self.proxy.fault_all(Fault::None);
        let subject = Subject::dynamodb("ministack", &self.proxy.url).await;
        let limit = subject
            .call(caller, plan, 0, from_noon())
            .await
            .limits
            .pop()
            .unwrap();
        limit.limit - limit.remaining
    }
}

pub(crate) async fn charge(
    store: &DynamoDbStore,
    caller: &Caller,
    plan: &Plan,
) -> (Decision, Duration) {
    let began = Instant::now();
    let decision = store
        .charge_at(
            caller,
            plan,
            None,
            1,
            from_noon(),
            Deadline::after(began, DEADLINE),
        )
        .await
        .unwrap();
    (decision, began.elapsed())
}

pub(crate) fn plan_that(policy: &str) -> Plan {
    plan(&format!(
        r#"{{"throttle":{{"rate":1,"burst":100}},"quotas":[{{"limit":1000,"period":"day"}}],"on_store_failure":"{policy}"}}"#
    ))
}

#[tokio::test]
async fn the_plan_decides_in_time_during_any_outage_of_the_store() {
    let world = World::new().await;
    for fault in [
        Fault::Hang,
        Fault::ThrottleFor("TableWriteAccountLimitExceeded"),
        Fault::ThrottleFor("TableWriteProvisionedThroughputExceeded"),
        Fault::ThrottleFor("TableWriteMaxOnDemandThroughputExceeded"),
        Fault::Reset,
        Fault::Refuse("AccessDeniedException"),
        Fault::ServerError,
        Fault::LoseResponse,
        Fault::Delay(Duration::from_secs(1)),
    ] {
        for policy in ["allow", "deny"] {
            world.proxy.fault_all(Fault::None);
            let (store, plan) = (world.warm().await, plan_that(policy));
            world.proxy.fault_all(fault);
            let (decision, took) = charge(&store, &caller(), &plan).await;
            assert!(took <= DEADLINE + GRACE, "{fault:?}: {took:?}");
            assert!(decision.degraded, "{fault:?}");
            match policy {
                "allow" => assert_eq!(decision.verdict, Verdict::Allowed, "{fault:?}"),
                _ => assert_eq!(
                    decision.verdict,
                    Verdict::Unavailable { retry_after_s: 1 },
                    "{fault:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn local_shares_of_the_limit_decide_while_the_store_throttles() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("local"), caller());
    world.proxy.fault_all(Fault::Throttle);
    let mut admitted = 0;
    for _ in 0..15 {
        let (decision, took) = charge(&store, &caller, &plan).await;
        assert!(took <= DEADLINE + GRACE, "{took:?}");
        match decision.verdict {
            Verdict::Allowed => admitted += usize::from(decision.degraded),
            refused => assert_eq!(refused, hot_item()),
        }
    }
    // 100 / 10, and one a 10 s, which the throttled attempts may take together.
    assert!((10..=11).contains(&admitted), "{admitted}");
}

#[tokio::test]
async fn a_store_that_refuses_connections_is_answered_for_in_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let store = instance(&aws(&format!("http://{nobody}")).await, DEADLINE);
    let (decision, took) = charge(&store, &caller(), &plan_that("deny")).await;
    assert!(took <= DEADLINE + GRACE, "{took:?}");
    assert!(matches!(decision.verdict, Verdict::Unavailable { .. }) && decision.degraded);
}

#[tokio::test]
async fn a_response_of_500_is_one_admission_and_is_not_retried() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("allow"), caller());
    let before = world.proxy.count("UpdateItem");
    world.proxy.fault_by(|number, _| {
        if number == 0 {
            Fault::ServerError
        } else {
            Fault::None
        }
    });
    let (decision, _) = charge(&store, &caller, &plan).await;
    assert_eq!(
        (decision.verdict, decision.degraded),
        (Verdict::Allowed, true)
    );
    assert_eq!(world.proxy.count("UpdateItem") - before, 1);
    let (decision, _) = charge(&store, &caller, &plan).await;
    assert_eq!(
        (decision.verdict, decision.degraded),
        (Verdict::Allowed, false)
    );
    assert_eq!(world.used(&caller, &plan).await, 1);
}

#[tokio::test]
async fn a_throttle_that_passes_is_tried_again_and_charged_once() {
    let world = World::new().await;
    let (plan, caller) = (plan_that("deny"), caller());
    let store = world.warm().await;
    for _ in 0..10 {
        for fault in [Fault::Throttle, Fault::Conflict] {
            world
                .proxy
                .fault_by(move |number, _| if number == 0 { fault } else { Fault::None });
            let (decision, _) = charge(&store, &caller, &plan).await;
            assert_eq!(
                (decision.verdict, decision.degraded),
                (Verdict::Allowed, false)
            );
        }
    }
    assert_eq!(world.used(&caller, &plan).await, 20);
}

#[tokio::test]
async fn lost_replies_never_charge_twice() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("allow"), caller());
    world.proxy.fault_by(|number, _| {
        if number % 10 == 9 {
            Fault::LoseResponse
        } else {
            Fault::None
        }
    });
    for _ in 0..90 {
        charge(&store, &caller, &plan).await;
    }
    assert_eq!(world.used(&caller, &plan).await, 90);
}

#[tokio::test]
async fn temporary_faults_leave_nothing_behind() {
    let world = World::new().await;
    let (store, plan, caller) = (world.warm().await, plan_that("allow"), caller());
    let faults = [
        Fault::Reset,
        Fault::ServerError,
        Fault::Throttle,
        Fault::Hang,
    ];
    world.proxy.fault_by(move |number, _| {
        if number % 10 == 3 {
            faults[number / 10 % faults.len()]
        } else {
            Fault::None
        }
    });
    for _ in 0..80 {
        let (decision, took) = charge(&store, &caller, &plan).await;
        assert_eq!(decision.verdict, Verdict::Allowed);
        assert!(took <= DEADLINE + GRACE, "{took:?}");
    }
    world.proxy.fault_all(Fault::None);
    for _ in 0..5 {
        assert!(!charge(&store, &caller, &plan).await.0.degraded);
    }
}

#[tokio::test]
async fn while_the_store_is_down_the_breaker_saves_the_wait() {
    let world = World::new().await;
    let (store, plan) = (world.warm().await, plan_that("deny"));
    world.proxy.fault_all(Fault::Hang);
    for _ in 0..5 {
        charge(&store, &caller(), &plan).await;
    }
    let before = world.proxy.count("UpdateItem");
    for _ in 0..100 {
        let (decision, _) = charge(&store, &caller(), &plan).await;
        let Verdict::Unavailable { retry_after_s } = decision.verdict else {
            panic!("{decision:?}")
        };
        assert!((25..=30).contains(&retry_after_s), "{retry_after_s}");
    }
    assert_eq!(world.proxy.count("UpdateItem"), before);
}

#[tokio::test]
async fn no_throttle_opens_the_breaker() {
    let world = World::new().await;
    let (store, plan) = (world.warm().await, plan_that("deny"));
    for fault in [
        Fault::Throttle,
        Fault::ThrottleFor("TableWriteAccountLimitExceeded"),
        Fault::Conflict,
    ] {
        world.proxy.fault_all(fault);
        for _ in 0..10 {
            assert_ne!(
                charge(&store, &caller(), &plan).await.0.verdict,
                Verdict::Allowed
            );
        }
        world.proxy.fault_all(Fault::None);
        let (decision, _) = charge(&store, &caller(), &plan).await;
        assert_eq!(
            (decision.verdict, decision.degraded),
            (Verdict::Allowed, false),
            "{fault:?}"
        );
    }
}

/// A retry has only the time that the throttled attempt left. That it runs out of time says nothing
/// of the store.
#[tokio::test]
async fn a_retry_without_time_does_not_open_the_breaker() {
    let world = World::new().await;
    for policy in ["allow", "deny"] {
        let (store, plan) = (world.warm().await, plan_that(policy));
        let hot = caller();
        world.proxy.fault_by(|number, _| match number % 2 {
            0 => Fault::ThrottleFor("TableWriteKeyRangeThroughputExceeded"),
            _ => Fault::Hang,
        });
        for _ in 0..8 {
            let (decision, _) = charge(&store, &hot, &plan).await;
            assert_eq!((decision.verdict, decision.degraded), (hot_item(), false));
        }

        world.proxy.fault_all(Fault::None);
        let (decision, _) = charge(&store, &caller(), &plan).await;
        assert_eq!(
            (decision.verdict, decision.degraded),
            (Verdict::Allowed, false),
            "{policy}"
        );
    }
}

/// A store that throttles one item has responded, so that `allow` does not make that caller's
/// limits void.
#[tokio::test]
async fn a_caller_whose_item_is_throttled_is_refused_for_a_second() {
    let world = World::new().await;
    for policy in ["allow", "deny"] {
        let (store, plan, hot) = (world.warm().await, plan_that(policy), caller());
        for fault in [
            Fault::Throttle,
            Fault::ThrottleFor("TableWriteKeyRangeThroughputExceeded"),
            Fault::ThrottleFor("TableWriteSomethingNewExceeded"),
            Fault::Refuse("ThrottlingException"),
            Fault::Refuse("RequestLimitExceeded"),
            Fault::Conflict,
        ] {
            world.proxy.fault_all(fault);
            for _ in 0..3 {
                let (decision, took) = charge(&store, &hot, &plan).await;
                assert!(took <= DEADLINE + GRACE, "{fault:?}: {took:?}");
                assert_eq!(
                    (decision.verdict, decision.degraded),
                    (hot_item(), false),
                    "{policy} {fault:?}"
                );
            }
        }
        assert_eq!(world.used(&hot, &plan).await, 0, "{policy}");
    }
}

/// A question about usage, and a lease that is bought, meet the same.
#[tokio::test]
async fn a_throttled_item_refuses_usage_queries_and_purchases_too() {
    let world = World::new().await;
    let leasing = plan(r#"{"throttle":{"rate":1000,"burst":1000},"lease":16}"#);
    let (store, hot) = (world.warm().await, caller());
    world.proxy.fault_all(Fault::Throttle);
    let deadline = || Deadline::after(Instant::now(), DEADLINE);
    assert_eq!(
        store
            .charge_usage_query_at(&hot, &leasing, from_noon(), deadline())
            .await
            .verdict,
        hot_item()
    );
    let instant = from_noon();
    for _ in 0..5 {
        let decision = store
            .charge_at(&hot, &leasing, None, 1, instant, deadline())
            .await
            .unwrap();
        assert_eq!(decision.verdict, hot_item());
    }
}

/// One stall, while many calls are under way, is one failure.
#[tokio::test]
async fn one_stall_does_not_open_the_breaker() {
    let world = World::new().await;
    let (store, plan) = (
        std::sync::Arc::new(world.warm().await),
        std::sync::Arc::new(plan_that("deny")),
    );
    world.proxy.fault_all(Fault::Hang);
    let stalled = (0..20).map(|_| {
        let (store, plan) = (std::sync::Arc::clone(&store), std::sync::Arc::clone(&plan));
        tokio::spawn(async move { charge(&store, &caller(), &plan).await.0.degraded })
    });
    for call in stalled.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }

    world.proxy.fault_all(Fault::None);
    let (decision, _) = charge(&store, &caller(), &plan).await;
    assert_eq!(
        (decision.verdict, decision.degraded),
        (Verdict::Allowed, false)
    );
}

#[tokio::test]
async fn a_key_that_nobody_remembers_is_an_error_while_the_registry_is_down() {
    let world = World::new().await;
    let store = world.warm().await;
    let known = KeyHash::of("local-free-key-000000000001").unwrap();
    let unknown = KeyHash::of("nobody-has-this-key-0000001").unwrap();
    let deadline = || Deadline::after(Instant::now(), DEADLINE);
    assert!(
        store
            .key(&known, Deadline::after(Instant::now(), TEST_DEADLINE))
            .await
            .unwrap()
            .is_some()
    );
    for fault in [Fault::Hang, Fault::Reset, Fault::Throttle] {
        world.proxy.fault_all(fault);
        let began = Instant::now();
        let error = store.key(&unknown, deadline()).await.unwrap_err();
        assert!(
            matches!(error, RegistryError::Unavailable { kind: "key", .. }),
            "{error}"
        );
        assert!(store.plan("free", deadline()).await.is_err());
        assert!(began.elapsed() <= 2 * (DEADLINE + GRACE), "{fault:?}");
        assert_eq!(
            store.key(&known, deadline()).await.unwrap().unwrap().key_id,
            "k1"
        );
    }
}

#[tokio::test]
async fn unnecessary_requests_are_not_sent() {
    let world = World::new().await;
    let store = world.warm().await;
    let before = world.proxy.count("UpdateItem");
    let (decision, _) = charge(
        &store,
        &caller(),
        &plan(r#"{"throttle":{"rate":0,"burst":5}}"#),
    )
    .await;
    assert_eq!(decision.verdict, Verdict::Impossible);
    assert_eq!(world.proxy.count("UpdateItem"), before);
    let unknown = KeyHash::of("nobody-has-this-key-0000001").unwrap();
    for _ in 0..3 {
        assert!(
            store
                .key(&unknown, Deadline::after(Instant::now(), TEST_DEADLINE))
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(world.proxy.count("GetItem"), 1);
}

/// Whether something was granted has to be looked up, and is remembered.
#[tokio::test]
async fn a_quota_of_0_is_looked_up_once_in_ten_seconds() {
    let world = World::new().await;
    let (store, other) = (world.warm().await, world.warm().await);
    let (plan, caller, noon) = (
        plan(r#"{"quotas":[{"limit":0,"period":"day"}]}"#),
        caller(),
        from_noon(),
    );
    let call = async |after| {
        let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
        store
            .charge_at(&caller, &plan, None, 1, noon + after, deadline)
            .await
            .unwrap()
            .verdict
    };
    let before = world.proxy.count("UpdateItem");
    for _ in 0..5 {
        assert_eq!(call(0).await, Verdict::Impossible);
    }
    assert_eq!(world.proxy.count("UpdateItem") - before, 1);

    let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
    other
        .grant_at(&caller, &plan, "day", 2, None, noon, deadline)
        .await
        .unwrap();
    assert_eq!(call(9 * SECOND).await, Verdict::Impossible);
    assert_eq!(call(11 * SECOND).await, Verdict::Allowed);
}

/// Nothing tells whether there are granted calls, so that `allow` must not make such a plan
/// unlimited.
#[tokio::test]
async fn a_quota_of_0_admits_nothing_uncounted() {
    let world = World::new().await;
    let store = world.warm().await;
    world.proxy.fault_all(Fault::Reset);
    let plan = plan(r#"{"quotas":[{"limit":0,"period":"day"}],"on_store_failure":"allow"}"#);
    let (decision, _) = charge(&store, &caller(), &plan).await;
    assert!(
        matches!(decision.verdict, Verdict::Unavailable { .. }) && decision.degraded,
        "{decision:?}"
    );
}

#[tokio::test]
async fn a_plan_without_limits_is_one_write_per_call() {
    let world = World::new().await;
    let (store, caller, plan) = (world.warm().await, caller(), plan("{}"));
    let before = world.proxy.count("UpdateItem");
    for _ in 0..10 {
        assert_eq!(
            charge(&store, &caller, &plan).await.0.verdict,
            Verdict::Allowed
        );
    }
    assert_eq!(world.proxy.count("UpdateItem") - before, 10);
}

/// One instance is 5 s fast, as the store's `Date` tells it; another is right. What is left of the
/// difference is less than the 2 s that a `Date` cannot show.
#[tokio::test]
async fn a_fast_clock_gains_nothing_and_locks_no_caller_out() {
    let world = World::new().await;
    let (right, fast_proxy) = (
        world.warm().await,
        FaultProxy::in_front_of(world.server.address).await,
    );
    fast_proxy.shift_date(-5);
    let fast = instance(&aws(&fast_proxy.url).await, DEADLINE);
    let patient = Deadline::after(Instant::now(), TEST_DEADLINE);
    fast.key(
        &KeyHash::of("local-free-key-000000000001").unwrap(),
        patient,
    )
    .await
    .unwrap();
    let stores = [(&fast, 5 * SECOND), (&right, 0)];
    let slow_rate = plan(r#"{"throttle":{"rate":0.001,"burst":20}}"#);
    assert_eq!(admitted(stores, &slow_rate).await.iter().sum::<i128>(), 20);
    let began = from_noon();
    let [by_fast, by_right] =
        admitted(stores, &plan(r#"{"throttle":{"rate":10,"burst":5}}"#)).await;
    let allowed = 5 + (from_noon() - began) * 10 / SECOND;
    assert!(
        by_fast + by_right <= allowed + 2 * 10,
        "{by_fast} and {by_right} of {allowed}"
    );
    assert!(
        by_right >= allowed / 2,
        "{by_fast} and {by_right} of {allowed}"
    );
}

/// What each of two instances, whose clocks are so far ahead, gets out of forty calls of one
/// caller.
async fn admitted(stores: [(&DynamoDbStore, i128); 2], plan: &Plan) -> [i128; 2] {
    let (caller, mut admitted) = (caller(), [0, 0]);
    for _ in 0..40 {
        for (count, (store, ahead)) in admitted.iter_mut().zip(stores) {
            let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
            let decision = store
                .charge_at(&caller, plan, None, 1, from_noon() + ahead, deadline)
                .await
                .unwrap();
            *count += i128::from(decision.verdict == Verdict::Allowed);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    admitted
}

/// Somebody's clock was an hour ahead and wrote so: the next denial brings it back.
#[tokio::test]
async fn a_fast_clocks_charge_locks_nobody_out() {
    let world = World::new().await;
    let (plan, caller) = (plan(r#"{"throttle":{"rate":1,"burst":5}}"#), caller());
    let fast = world.warm().await;
    let deadline = || Deadline::after(Instant::now(), TEST_DEADLINE);
    fast.charge_at(
        &caller,
        &plan,
        None,
        5,
        from_noon() + 3600 * SECOND,
        deadline(),
    )
    .await
    .unwrap();
    let (right, writes) = (world.warm().await, world.proxy.count("UpdateItem"));
    let decision = right
        .charge_at(&caller, &plan, None, 1, from_noon(), deadline())
        .await
        .unwrap();
    assert!(
        matches!(
            decision.verdict,
            Verdict::Throttled {
                retry_after_s: 3,
                ..
            }
        ),
        "{decision:?}"
    );
    assert_eq!(world.proxy.count("UpdateItem") - writes, 2);
    let later = from_noon() + 3 * SECOND;
    assert_eq!(
        right
            .charge_at(&caller, &plan, None, 1, later, deadline())
            .await
            .unwrap()
            .verdict,
        Verdict::Allowed
    );
}
