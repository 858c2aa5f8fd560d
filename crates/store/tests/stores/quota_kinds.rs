//! Quotas per hour and year, quotas that never reset, and quotas that count on beyond their limit: on
//! every store.

use std::sync::Arc;

use limits::{
    Caller, Decision, Grant, Plan, Refund, SECOND, Verdict, rate_limit, rate_limit_policy,
};

use crate::accounts::remaining;
use crate::cases::{stores, test_on_stores};
use testing::Emulator;
use testing::store_time::StoreAt as _;
use testing::stores::{
    MILLISECOND, NOON, Subject, TEST_DEADLINE, aws, caller, instance, patient, plan, retry_after_s,
    violated,
};

const HOUR: i128 = 3_600 * SECOND;
const DAY: i128 = 24 * HOUR;
/// A day of 2026, on which reports are read.
const TODAY: ((i8, i8), (i8, i8)) = ((11, 22), (11, 22));

const PREPAID: &str = r#"{"quotas":[{"limit":0,"period":"total"}]}"#;
const OVERAGE: &str = r#"{"quotas":[{"limit":5,"period":"month","overage":"allow"}]}"#;

test_on_stores! {
    stores [embedded, ministack, dynalite]
    an_hour_that_is_used_up_says_when_the_next_one_starts
    the_same_hour_of_two_days_is_two_windows
    a_year_starts_on_the_first_of_january_in_its_time_zone
    a_total_has_no_window_in_rate_limit_fields
    overage_admits_every_call_and_flags_those_beyond_the_limit
    overage_of_a_limit_of_0_is_pay_per_use
    overage_of_one_quota_does_not_lift_another
    a_cost_above_the_limit_passes_with_overage
}

// Without dynalite, which has no transactions.
test_on_stores! {
    stores [embedded, ministack]
    a_total_remains_while_ended_windows_are_removed
    a_prepaid_plan_admits_what_was_granted
    overage_ends_where_a_grant_raises_the_limit
    a_refund_lowers_overage
    a_refund_goes_to_the_balance_of_a_total
    a_refund_after_the_hour_lowers_only_longer_windows
}

fn at(text: &str) -> i128 {
    text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()
}

async fn granted(subject: &Subject, caller: &Caller, plan: &Plan, amount: i64, now: i128) -> Grant {
    let name = &*plan.quotas[0].name;
    let grant = subject
        .store
        .grant_at(caller, plan, name, amount, None, now, patient());
    grant.await.unwrap()
}

/// Returns `over_quota` of so many calls, which all have to pass.
async fn flags(subject: &Subject, caller: &Caller, plan: &Plan, calls: usize) -> Vec<bool> {
    let mut flags = Vec::new();
    for _ in 0..calls {
        let decision = subject.call(caller, plan, 1, NOON).await;
        assert_eq!(decision.verdict, Verdict::Allowed);
        flags.push(decision.over_quota);
    }
    flags
}

async fn usage(subject: &Subject, caller: &Caller, plan: &Plan, now: i128) -> Vec<[u64; 2]> {
    subject.report(caller, plan, TODAY, now).await.1
}

async fn an_hour_that_is_used_up_says_when_the_next_one_starts(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":2,"period":"hour"}]}"#);
    let caller = caller();
    let last = NOON + HOUR - MILLISECOND;

    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 2);
    let refused = subject.call(&caller, &plan, 1, NOON + HOUR / 4).await;
    assert_eq!(retry_after_s(&refused), 2_700);
    let refused = subject.call(&caller, &plan, 1, last).await;
    assert_eq!(
        (violated(&refused), retry_after_s(&refused)),
        (vec!["hour"], 1)
    );

    assert_eq!(subject.admitted(&caller, &plan, 3, NOON + HOUR).await, 2);
    assert_eq!(usage(&subject, &caller, &plan, NOON + HOUR).await, [[2, 0]]);
}

async fn the_same_hour_of_two_days_is_two_windows(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":1,"period":"hour"}]}"#);
    let caller = caller();

    for hour in 0..50 {
        let now = NOON + hour * HOUR;
        assert_eq!(subject.admitted(&caller, &plan, 2, now).await, 1, "{hour}");
    }
}

async fn a_year_starts_on_the_first_of_january_in_its_time_zone(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":9,"period":"year"},
                      {"name":"india","limit":2,"period":"year","time_zone":"Asia/Kolkata"}]}"#,
    );
    let caller = caller();
    let [last, india, utc] = [
        "2026-12-31T18:29:59.999Z",
        "2026-12-31T18:30:00Z",
        "2027-01-01T00:00:00Z",
    ]
    .map(at);

    assert_eq!(
        subject
            .admitted(&caller, &plan, 3, at("2026-01-01T00:00:00Z"))
            .await,
        2
    );
    let refused = subject.call(&caller, &plan, 1, last).await;
    assert_eq!(
        (violated(&refused), retry_after_s(&refused)),
        (vec!["india"], 1)
    );

    let begun = subject.call(&caller, &plan, 1, india).await;
    assert_eq!(
        (begun.verdict.clone(), remaining(&begun)),
        (Verdict::Allowed, vec![6, 1])
    );
    let begun = subject.call(&caller, &plan, 1, utc).await;
    assert_eq!(
        (begun.verdict.clone(), remaining(&begun)),
        (Verdict::Allowed, vec![8, 0])
    );
}

/// A call per day ends a window of the day each, which is removed in time.
async fn a_total_remains_while_ended_windows_are_removed(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":100,"period":"total"},{"limit":9,"period":"hour"},
                      {"limit":9,"period":"day"}]}"#,
    );
    let caller = caller();
    granted(&subject, &caller, &plan, 7, NOON).await;

    for day in 0..60 {
        let decision = subject.call(&caller, &plan, 1, NOON + day * DAY).await;
        let left = 106 - u64::try_from(day).unwrap();
        assert_eq!(remaining(&decision), [left, 8, 8], "{day}");
    }
}

async fn a_total_has_no_window_in_rate_limit_fields(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":2,"period":"total"}]}"#),
        caller(),
    );

    for left in [1, 0] {
        let decision = subject.call(&caller, &plan, 1, NOON).await;
        assert_eq!(
            rate_limit_policy(&decision.limits).as_deref(),
            Some(r#""total";q=2"#)
        );
        assert_eq!(
            rate_limit(&decision.limits).as_deref(),
            Some(&*format!(r#""total";r={left}"#))
        );
    }
}

async fn a_prepaid_plan_admits_what_was_granted(subject: Arc<Subject>) {
    let (plan, caller) = (plan(PREPAID), caller());
    let call = async |days| subject.call(&caller, &plan, 1, NOON + days * DAY).await;

    assert_eq!(call(0).await.verdict, Verdict::Impossible);
    let grant = granted(&subject, &caller, &plan, 3, NOON).await;
    assert_eq!((grant.used, grant.remaining), (0, 3));
    for (days, left) in [(0, 2), (300, 1), (450, 0)] {
        assert_eq!(remaining(&call(days).await), [left]);
    }
    assert_eq!(violated(&call(450).await), ["total"]);

    let later = NOON + 900 * DAY;
    let grant = granted(&subject, &caller, &plan, 1, later).await;
    assert_eq!((grant.used, grant.remaining), (3, 1));
    assert_eq!(call(900).await.verdict, Verdict::Allowed);
    assert_eq!(violated(&call(900).await), ["total"]);
}

async fn overage_admits_every_call_and_flags_those_beyond_the_limit(subject: Arc<Subject>) {
    let (plan, caller) = (plan(OVERAGE), caller());

    let expected = [false, false, false, false, false, true, true, true];
    assert_eq!(flags(&subject, &caller, &plan, 8).await, expected);
    assert_eq!(usage(&subject, &caller, &plan, NOON).await, [[8, 0]]);

    let last = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!((remaining(&last), last.near_limit), (vec![0], true));
    let next_month = subject.call(&caller, &plan, 1, NOON + 30 * DAY).await;
    assert_eq!(
        (remaining(&next_month), next_month.over_quota),
        (vec![4], false)
    );
}

async fn overage_ends_where_a_grant_raises_the_limit(subject: Arc<Subject>) {
    let (plan, caller) = (plan(OVERAGE), caller());
    flags(&subject, &caller, &plan, 8).await;

    let grant = granted(&subject, &caller, &plan, 4, NOON).await;
    assert_eq!((grant.used, grant.remaining), (8, 1));
    assert_eq!(
        flags(&subject, &caller, &plan, 3).await,
        [false, true, true]
    );
    assert_eq!(usage(&subject, &caller, &plan, NOON).await, [[11, 0]]);
}

async fn overage_of_a_limit_of_0_is_pay_per_use(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":0,"period":"month","overage":"allow"}]}"#);
    let caller = caller();

    assert_eq!(flags(&subject, &caller, &plan, 3).await, [true; 3]);
    assert_eq!(usage(&subject, &caller, &plan, NOON).await, [[3, 0]]);
}

async fn overage_of_one_quota_does_not_lift_another(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"quotas":[{"limit":1,"period":"month","overage":"allow"},{"limit":3,"period":"day"}]}"#,
    );
    let caller = caller();

    assert_eq!(
        flags(&subject, &caller, &plan, 3).await,
        [false, true, true]
    );
    let refused = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!(violated(&refused), ["day"]);
    assert_eq!(
        usage(&subject, &caller, &plan, NOON).await,
        [[3, 0], [3, 0]]
    );
}

async fn a_cost_above_the_limit_passes_with_overage(subject: Arc<Subject>) {
    let (plan, caller) = (plan(OVERAGE), caller());

    let decision = subject.call(&caller, &plan, 12, NOON).await;
    assert_eq!(
        (decision.verdict, decision.over_quota),
        (Verdict::Allowed, true)
    );
    assert_eq!(usage(&subject, &caller, &plan, NOON).await, [[12, 0]]);
}

async fn refunded(subject: &Subject, caller: &Caller, charged: &Decision, now: i128) {
    assert_eq!(subject.refund(caller, charged, now).await, Refund::Returned);
}

async fn a_refund_lowers_overage(subject: Arc<Subject>) {
    let (plan, caller) = (plan(OVERAGE), caller());
    let over = subject.call(&caller, &plan, 7, NOON).await;
    assert!(over.over_quota);

    refunded(&subject, &caller, &over, NOON + SECOND).await;
    assert_eq!(usage(&subject, &caller, &plan, NOON).await, [[0, 5]]);
    assert_eq!(flags(&subject, &caller, &plan, 1).await, [false]);
}

async fn a_refund_goes_to_the_balance_of_a_total(subject: Arc<Subject>) {
    let (plan, caller) = (plan(PREPAID), caller());
    granted(&subject, &caller, &plan, 2, NOON).await;
    let charged = subject.call(&caller, &plan, 2, NOON).await;
    assert!(!subject.passes(&caller, &plan, 1, NOON).await);

    refunded(&subject, &caller, &charged, NOON + 3 * DAY).await;
    let again = subject.refund(&caller, &charged, NOON + 3 * DAY).await;
    assert_eq!(again, Refund::AlreadyRefunded);
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON + 3 * DAY).await, 2);
}

async fn a_refund_after_the_hour_lowers_only_longer_windows(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":9,"period":"hour"},{"limit":9,"period":"day"}]}"#);
    let caller = caller();
    let charged = subject.call(&caller, &plan, 3, NOON).await;
    subject.call(&caller, &plan, 4, NOON + HOUR).await;

    refunded(&subject, &caller, &charged, NOON + HOUR).await;
    let usage = usage(&subject, &caller, &plan, NOON + HOUR).await;
    assert_eq!(usage, [[4, 5], [4, 5]]);
}

/// A lease buys several calls with one write, and some of them may be beyond the limit.
#[tokio::test]
async fn calls_of_a_lease_are_flagged_one_by_one() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;
    let store = instance(&aws(&url).await, TEST_DEADLINE);
    let plan = plan(
        r#"{"throttle":{"rate":100000,"burst":100000},"lease":16,
            "quotas":[{"limit":50,"period":"month","overage":"allow"}]}"#,
    );
    let caller = caller();

    let mut flags = Vec::new();
    for _ in 0..100 {
        let charged = store.charge_at(&caller, &plan, None, 1, NOON, patient());
        let decision = charged.await.unwrap();
        assert_eq!(decision.verdict, Verdict::Allowed);
        flags.push(decision.over_quota);
    }
    assert_eq!(flags, [vec![false; 50], vec![true; 50]].concat());
}
