//! Quotas per hour, per year and in total, overage, and thresholds. On every store.

use std::sync::Arc;
use std::time::Duration;

use limits::{Caller, Decision, GrantRefusal, Refund, SECOND, Verdict};
use store::{DynamoDbStore, GrantError};

use crate::cases::{stores, test_on_stores};
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, TEST_DEADLINE, aws, caller, instance, patient, plan};
use testing::{Emulator, Fault, FaultProxy};

test_on_stores! {
    stores [embedded, ministack, dynalite]
    an_hour_starts_anew_at_the_full_hour
    a_year_starts_anew_in_its_time_zone
    a_total_never_starts_anew
    overage_is_counted_exactly_by_many_workers
    a_threshold_is_reported_once_per_window
}

// Grants and refunds are transactions, which dynalite does not have.
test_on_stores! {
    stores [embedded, ministack]
    a_prepaid_balance_is_raised_by_grants_alone
    a_grant_moves_the_thresholds
    a_refund_returns_overage_and_prepaid_calls
}

const HOUR: i128 = 3600 * SECOND;
const DAY: i128 = 24 * HOUR;

async fn an_hour_starts_anew_at_the_full_hour(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":3,"period":"hour"}]}"#),
        caller(),
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, NOON - 1).await, 3);
    assert_eq!(subject.admitted(&caller, &plan, 5, NOON).await, 3);
    assert_eq!(
        subject.admitted(&caller, &plan, 5, NOON + HOUR - 1).await,
        0
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, NOON + HOUR).await, 3);
}

async fn a_year_starts_anew_in_its_time_zone(subject: Arc<Subject>) {
    let kolkata = plan(r#"{"quotas":[{"limit":2,"period":"year","time_zone":"Asia/Kolkata"}]}"#);
    let utc = plan(r#"{"quotas":[{"limit":2,"period":"year"}]}"#);
    // 2027-01-01T00:00:00Z, and the midnight in Kolkata before it.
    let midnight = 1_798_761_600 * SECOND;
    for (plan, year) in [(&kolkata, midnight - 11 * HOUR / 2), (&utc, midnight)] {
        let caller = caller();
        assert_eq!(subject.admitted(&caller, plan, 3, NOON).await, 2);
        assert_eq!(subject.admitted(&caller, plan, 3, year - 1).await, 0);
        assert_eq!(subject.admitted(&caller, plan, 3, year).await, 2);
    }
}

async fn a_total_never_starts_anew(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":5,"period":"total"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 3);
    assert_eq!(
        subject.admitted(&caller, &plan, 9, NOON + 500 * DAY).await,
        2
    );
    let refused = subject.call(&caller, &plan, 1, NOON + 5000 * DAY).await;
    assert!(matches!(
        refused.verdict,
        Verdict::Throttled {
            quota: true,
            retry_after_s: 86_400,
            ..
        }
    ));
}

async fn a_prepaid_balance_is_raised_by_grants_alone(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"name":"credits","limit":0,"period":"total"}]}"#);
    let caller = caller();
    assert_eq!(
        subject.call(&caller, &plan, 1, NOON).await.verdict,
        Verdict::Impossible
    );

    for (amount, at) in [(3, NOON + SECOND), (2, NOON + 300 * DAY)] {
        let grant = subject
            .store
            .grant_at(&caller, &plan, "credits", amount, None, at, patient())
            .await
            .unwrap();
        assert_eq!(grant.granted, amount);
    }
    let later = NOON + 600 * DAY;
    assert_eq!(subject.admitted(&caller, &plan, 9, later).await, 5);

    let cut = subject
        .store
        .grant_at(&caller, &plan, "day", 1, None, later, patient())
        .await;
    assert!(matches!(
        cut,
        Err(GrantError::Refused(GrantRefusal::UnknownQuota(_)))
    ));
}

async fn overage_is_counted_exactly_by_many_workers(subject: Arc<Subject>) {
    let plan = Arc::new(plan(
        r#"{"quotas":[{"limit":50,"period":"day","overage":"allow"}]}"#,
    ));
    let caller = caller();
    let worker = || {
        let (subject, plan, caller) = (Arc::clone(&subject), Arc::clone(&plan), caller.clone());
        tokio::spawn(async move { subject.call(&caller, &plan, 1, NOON).await })
    };
    let workers: Vec<_> = std::iter::repeat_with(worker).take(100).collect();

    let mut over = 0;
    for worker in workers {
        let decision = worker.await.unwrap();
        assert_eq!(decision.verdict, Verdict::Allowed);
        over += u64::from(decision.over_quota);
    }
    let report = subject
        .report(&caller, &plan, ((11, 22), (11, 22)), NOON)
        .await;
    assert_eq!((over, report), (50, (vec![100], vec![[100, 0]])));
}

async fn a_refund_returns_overage_and_prepaid_calls(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":1,"period":"day","overage":"allow"},{"limit":3,"period":"total"}]}"#,
    );
    let caller = caller();
    let charged = subject.call(&caller, &plan, 3, NOON).await;
    assert!(charged.over_quota);
    assert_eq!(
        subject.refund(&caller, &charged, NOON).await,
        Refund::Returned
    );
    assert_eq!(subject.admitted(&caller, &plan, 9, NOON).await, 3);
}

/// The shares that a decision reports.
fn shares(decision: &Decision) -> Vec<String> {
    let thresholds = decision.thresholds.iter();
    thresholds
        .map(|threshold| threshold.share.to_string())
        .collect()
}

async fn a_threshold_is_reported_once_per_window(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":10,"period":"day","warn_at":[0.5,0.8,1]}]}"#);
    let caller = caller();
    for now in [NOON, NOON + DAY] {
        let mut reported = Vec::new();
        for cost in [4, 1, 1, 1, 3, 1] {
            reported.push(shares(&subject.call(&caller, &plan, cost, now).await).join(" "));
        }
        assert_eq!(reported, ["", "0.5", "", "", "0.8 1", ""]);
    }
}

async fn a_grant_moves_the_thresholds(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":10,"period":"day","warn_at":[0.5,1]}]}"#);
    let caller = caller();
    let mut reported = Vec::new();
    for cost in [5, 4] {
        reported.push(shares(&subject.call(&caller, &plan, cost, NOON).await).join(" "));
    }
    let grant = subject
        .store
        .grant_at(&caller, &plan, "day", 8, None, NOON, patient())
        .await
        .unwrap();
    assert_eq!((grant.used, grant.remaining), (9, 9));

    // 9 of 18 calls are used, but the half was reported before. The whole is reported later.
    for cost in [1, 8] {
        reported.push(shares(&subject.call(&caller, &plan, cost, NOON).await).join(" "));
    }
    assert_eq!(reported, ["0.5", "", "", "1"]);

    let grant = subject
        .store
        .grant_at(&caller, &plan, "day", 2, None, NOON, patient())
        .await
        .unwrap();
    assert_eq!(grant.remaining, 2);
    let last = subject.call(&caller, &plan, 2, NOON).await;
    assert!(
        shares(&last).contains(&"1".to_owned()),
        "a new limit is reached"
    );
}

struct World {
    proxy: FaultProxy,
    instances: Vec<DynamoDbStore>,
    _server: Emulator,
}

impl World {
    async fn new(instances: usize) -> Self {
        let server = Emulator::ministack();
        let proxy = FaultProxy::in_front_of(server.address).await;
        Subject::dynamodb("ministack", &proxy.url).await;
        let aws = aws(&proxy.url).await;
        let instances = (0..instances)
            .map(|_| instance(&aws, TEST_DEADLINE))
            .collect();
        Self {
            proxy,
            instances,
            _server: server,
        }
    }

    async fn call(&self, number: usize, caller: &Caller, plan: &limits::Plan) -> Decision {
        self.instances[number]
            .charge_at(caller, plan, None, 1, NOON, patient())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_lost_response_is_made_up_by_the_next_charge_with_the_same_id() {
    let world = World::new(2).await;
    let plan = plan(r#"{"quotas":[{"limit":4,"period":"day","warn_at":[0.5]}]}"#);
    let caller = caller();
    assert_eq!(shares(&world.call(0, &caller, &plan).await), [""; 0]);

    world.proxy.fault_all(Fault::LoseResponse);
    let deadline = aws::Deadline::after(std::time::Instant::now(), Duration::from_millis(500));
    let lost = world.instances[0]
        .charge_at(&caller, &plan, None, 1, NOON, deadline)
        .await
        .unwrap();
    assert!(lost.degraded && lost.thresholds.is_empty());

    world.proxy.fault_all(Fault::None);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let next = world.call(1, &caller, &plan).await;
    assert_eq!(shares(&next), ["0.5"]);
    let again = world.call(0, &caller, &plan).await;
    let ids = [&next, &again].map(|decision| {
        let reached = decision.thresholds.iter();
        reached
            .map(|reached| reached.id(&caller))
            .collect::<Vec<_>>()
    });
    assert!(ids[1].is_empty() || ids[1] == ids[0], "{ids:?}");
}

#[tokio::test]
async fn a_mark_rides_on_a_charge_and_silences_other_instances() {
    let world = World::new(3).await;
    let plan = plan(r#"{"quotas":[{"limit":10,"period":"day","warn_at":[0.1]}]}"#);
    let caller = caller();
    let before = world.proxy.count("UpdateItem");
    assert_eq!(shares(&world.call(0, &caller, &plan).await), ["0.1"]);
    assert_eq!(shares(&world.call(0, &caller, &plan).await), [""; 0]);
    assert_eq!(shares(&world.call(1, &caller, &plan).await), [""; 0]);
    assert_eq!(shares(&world.call(2, &caller, &plan).await), [""; 0]);
    assert_eq!(world.proxy.count("UpdateItem") - before, 4);
}

#[tokio::test]
async fn a_lease_that_jumps_a_threshold_reports_it() {
    let world = World::new(1).await;
    let plan = plan(
        r#"{"throttle":{"rate":100000,"burst":100000},"lease":16,
            "quotas":[{"limit":1000,"period":"day","warn_at":[0.005,0.01]}]}"#,
    );
    let caller = caller();
    let mut reported = Vec::new();
    for _ in 0..60 {
        let decision = world.call(0, &caller, &plan).await;
        assert_eq!(decision.verdict, Verdict::Allowed);
        reported.extend(shares(&decision));
    }
    assert_eq!(reported, ["0.005", "0.01"]);
    assert!(world.proxy.count("UpdateItem") < 50, "no lease was bought");
}
