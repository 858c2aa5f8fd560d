//! Leases: whatever instances do with them, no window of time admits more than burst and rate, and
//! no quota more than its limit; and a hot key costs few writes.

use std::time::{Duration, Instant};

use aws::Deadline;
use limits::{Caller, Decision, Nanos, Plan, SECOND, Verdict};
use store::DynamoDbStore;

use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{
    MILLISECOND, NOON, Subject, TEST_DEADLINE, aws, caller, instance, now, patient, plan,
};
use testing::{Fault, FaultProxy};

/// So many instances share a key.
const WORKERS: usize = 6;

/// Instances of one store, each with leases of its own.
struct Fleet {
    aws: aws::AwsCalls,
    proxy: FaultProxy,
    instances: Vec<DynamoDbStore>,
    _server: Emulator,
}

impl Fleet {
    async fn new(workers: usize) -> Self {
        let server = Emulator::ministack();
        let proxy = FaultProxy::in_front_of(server.address).await;
        Subject::dynamodb("ministack", &proxy.url).await;
        let aws = aws(&proxy.url).await;
        let instances = (0..workers)
            .map(|_| instance(&aws, TEST_DEADLINE))
            .collect();
        Self {
            aws,
            proxy,
            instances,
            _server: server,
        }
    }

    /// It dies with what it had leased, and another takes its place.
    fn replace(&mut self, worker: usize) {
        self.instances[worker] = instance(&self.aws, TEST_DEADLINE);
    }

    async fn call(&self, worker: usize, caller: &Caller, plan: &Plan, now: Nanos) -> Decision {
        let decision = self.instances[worker]
            .charge_at(caller, plan, None, 1, now, patient())
            .await
            .unwrap();
        assert!(!decision.degraded, "the store did not answer");
        decision
    }

    /// Every instance calls until nothing is left for it.
    async fn drain(&self, caller: &Caller, plan: &Plan, now: Nanos, admitted: &mut Vec<Nanos>) {
        for worker in 0..self.instances.len() {
            while self.call(worker, caller, plan, now).await.verdict == Verdict::Allowed {
                admitted.push(now);
            }
        }
    }

    fn writes(&self) -> usize {
        self.proxy.count("UpdateItem")
    }
}

/// Nothing in `admitted` is more than a burst and the rate allow, over any window; the rate in
/// nanoseconds a call.
fn assert_within(admitted: &[Nanos], burst: Nanos, emission: Nanos) {
    let mut sorted = admitted.to_vec();
    sorted.sort_unstable();
    for (index, first) in sorted.iter().enumerate() {
        for (count, last) in (1..).zip(&sorted[index..]) {
            assert!(
                count * emission <= burst * emission + (last - first),
                "{count} within {} ns",
                last - first
            );
        }
    }
}

/// Calls come in clumps to instances that freeze for as long as a lease and longer, and that die.
/// The instants are simulated: a frozen instance is one that is not called for a while, and then
/// spends what is left of its lease. Now and then everybody calls until nothing is left, which is
/// when too much would show.
#[tokio::test]
async fn no_window_admits_more_than_burst_and_rate_whatever_instances_do() {
    let mut fleet = Fleet::new(WORKERS).await;
    let plan = plan(r#"{"throttle":{"rate":200,"burst":400},"lease":16}"#);
    for seed in 0..2 {
        let (caller, mut random) = (caller(), fastrand::Rng::with_seed(seed));
        let (mut time, mut admitted, before) = (NOON, Vec::new(), fleet.writes());
        while admitted.len() < 3000 {
            let worker = random.usize(..WORKERS);
            match random.u8(..100) {
                0 => fleet.replace(worker),
                1..8 => time += Nanos::from(random.u32(..600)) * MILLISECOND,
                8..10 => time += Nanos::from(random.u32(..3_000)) * MILLISECOND,
                10..12 => fleet.drain(&caller, &plan, time, &mut admitted).await,
                _ => time += Nanos::from(random.u32(..8_000)) * 1000,
            }
            for _ in 0..random.u32(1..30) {
                if fleet.call(worker, &caller, &plan, time).await.verdict == Verdict::Allowed {
                    admitted.push(time);
                }
            }
        }
        assert_within(&admitted, 400, SECOND / 200);
        let writes = fleet.writes() - before;
        assert!(
            writes < admitted.len() / 2,
            "{writes} writes for {}",
            admitted.len()
        );
    }
}

/// All instances buy at once and hold what they have until the last instant. Meanwhile the bucket
/// fills: what it has then and what was bought before together are no more than the burst.
#[tokio::test]
async fn what_was_bought_before_and_spent_late_is_within_the_burst_too() {
    let fleet = Fleet::new(WORKERS).await;
    let plan = plan(r#"{"throttle":{"rate":100,"burst":400},"lease":50}"#);
    let (caller, mut admitted) = (caller(), Vec::new());
    for call in 0..20 * WORKERS {
        // As often as it takes for a lease of ten.
        fleet.call(call % WORKERS, &caller, &plan, NOON).await;
    }
    let (bought, late) = (NOON + 1001 * MILLISECOND, NOON + 1930 * MILLISECOND);
    for worker in 0..WORKERS {
        fleet.call(worker, &caller, &plan, bought).await;
    }
    let before = fleet.writes();
    for worker in 0..WORKERS {
        assert_eq!(
            fleet.call(worker, &caller, &plan, late).await.verdict,
            Verdict::Allowed
        );
        admitted.push(late);
    }
    assert_eq!(fleet.writes(), before, "each has a lease left");
    fleet.drain(&caller, &plan, late, &mut admitted).await;
    assert!((300..=400).contains(&admitted.len()), "{}", admitted.len());
}

/// Row 45: sixteen instances, a burst of 100 and leases of 8; every one of them dies in the end.
#[tokio::test]
async fn sixteen_instances_admit_at_most_a_burst_and_lose_at_most_their_leases() {
    let fleet = Fleet::new(16).await;
    let plan = plan(
        r#"{"throttle":{"rate":0.001,"burst":101},"quotas":[{"limit":100,"period":"day"}],"lease":8}"#,
    );
    for round in 0..5 {
        let (caller, mut admitted) = (caller(), 0);
        let mut random = fastrand::Rng::with_seed(round);
        for _ in 0..1600 {
            let decision = fleet.call(random.usize(..16), &caller, &plan, NOON).await;
            admitted += u64::from(decision.verdict == Verdict::Allowed);
        }
        // One more instance, which has seen nothing: what is left of the quota is what nobody
        // bought.
        let left = instance(&fleet.aws, TEST_DEADLINE)
            .peek_at(&caller, &plan, None, 1, NOON, patient())
            .await
            .unwrap();
        let charged = 100 - left.limits[1].remaining;
        assert!(
            admitted <= 100 && charged - admitted <= 16 * 7,
            "{admitted} of {charged}"
        );
        assert_eq!(charged, 100, "round {round}");
    }
}

#[tokio::test]
async fn a_lease_ends_with_its_quotas_window_so_that_each_holds_what_was_admitted_in_it() {
    let fleet = Fleet::new(WORKERS).await;
    let plan = plan(
        r#"{"quotas":[{"limit":2000,"period":"day","time_zone":"Europe/Berlin"}],"lease":16}"#,
    );
    let (caller, midnight) = (caller(), NOON + 11 * 3600 * SECOND);
    let mut admitted = [0_u64, 0];
    for call in 0..600 {
        let now = midnight + (call - 300) * MILLISECOND;
        let worker = usize::try_from(call).unwrap() % WORKERS;
        let passed = fleet.call(worker, &caller, &plan, now).await.verdict == Verdict::Allowed;
        admitted[usize::from(now >= midnight)] += u64::from(passed);
    }
    assert_eq!(admitted, [300, 300]);
    let fresh = instance(&fleet.aws, TEST_DEADLINE);
    let look = fresh
        .peek_at(&caller, &plan, None, 1, midnight + SECOND, patient())
        .await
        .unwrap();
    assert!(
        (300..=300 + WORKERS as u64 * 15).contains(&(2000 - look.limits[0].remaining)),
        "{look:?}"
    );
}

#[tokio::test]
async fn a_hot_key_costs_a_tenth_of_a_write_a_decision() {
    let fleet = Fleet::new(1).await;
    let plan = plan(r#"{"throttle":{"rate":10000,"burst":20000},"lease":16}"#);
    let (caller, before) = (caller(), fleet.writes());
    for call in 0..2000 {
        assert_eq!(
            fleet
                .call(0, &caller, &plan, NOON + call * MILLISECOND)
                .await
                .verdict,
            Verdict::Allowed
        );
    }
    let writes = fleet.writes() - before;
    assert!(writes <= 200, "{writes} writes for 2000 decisions");
}

#[tokio::test]
async fn a_leased_call_can_be_refunded_by_itself() {
    let fleet = Fleet::new(1).await;
    let plan = plan(r#"{"quotas":[{"limit":1000,"period":"day"}],"lease":16}"#);
    let (caller, mut charges) = (caller(), Vec::new());
    for call in 0..100 {
        charges.push(
            fleet
                .call(0, &caller, &plan, NOON + call * MILLISECOND)
                .await
                .charge
                .unwrap(),
        );
    }
    let fresh = instance(&fleet.aws, TEST_DEADLINE);
    let left = async || {
        fresh
            .peek_at(&caller, &plan, None, 1, NOON, patient())
            .await
            .unwrap()
            .limits[0]
            .remaining
    };
    let before = left().await;
    for charge in &charges {
        let refund = fresh
            .refund_at(&caller, charge, NOON, patient())
            .await
            .unwrap();
        assert_eq!(refund, limits::Refund::Returned);
    }
    assert_eq!(left().await, before + 100);
}

/// A lease outlives the store: what was bought is spent while nobody answers.
#[tokio::test]
async fn what_was_bought_is_spent_while_the_store_hangs() {
    let fleet = Fleet::new(1).await;
    let plan =
        plan(r#"{"throttle":{"rate":1000,"burst":9000},"on_store_failure":"deny","lease":100}"#);
    let (caller, start) = (caller(), now());
    let mut calls = 0;
    while fleet.writes() < 8 {
        calls += 1;
        fleet.call(0, &caller, &plan, start + calls * 10_000).await;
    }
    fleet.proxy.fault_all(Fault::Hang);
    let mut passed = 0;
    loop {
        let deadline = Deadline::after(Instant::now(), Duration::from_millis(50));
        let decision = fleet.instances[0]
            .charge_at(&caller, &plan, None, 1, start + calls * 10_000, deadline)
            .await
            .unwrap();
        if decision.degraded {
            assert!(matches!(decision.verdict, Verdict::Unavailable { .. }));
            break;
        }
        passed += 1;
    }
    assert!((1..100).contains(&passed), "{passed}");
}
