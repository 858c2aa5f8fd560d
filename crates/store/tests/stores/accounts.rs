//! What is done to usage beside charging it: looking, giving back, granting, reporting. On every
//! store.

use std::sync::Arc;

use jiff::civil::date;
use limits::{Decision, Plan, Refund, SECOND, Verdict};
use store::StoreError;

use crate::cases::{stores, test_on_stores};
use crate::grants::{
    a_call_of_cost_0_on_a_quota_of_0_needs_a_grant, a_cut_never_leaves_fewer_than_0_calls,
    a_grant_changes_the_remaining_calls_until_the_window_ends,
    a_grant_of_a_quota_that_there_is_not_is_refused, a_grant_with_the_same_id_is_made_once,
    a_period_is_granted_no_more_than_the_largest_quota,
    a_repeated_grant_is_told_as_it_was_whatever_came_between,
    granted_calls_pass_where_the_cost_is_above_the_quota, granted_calls_pass_where_the_quota_is_0,
    grants_at_once_under_one_id_are_one, limits_are_told_with_what_was_granted,
    near_the_limit_counts_what_was_granted, one_id_is_one_grant_and_no_other,
};
use crate::own_reports::{
    a_caller_that_moves_between_plans_keeps_its_days,
    a_refund_on_a_shared_plan_is_in_the_callers_own_report, days_are_reported_without_a_plan,
    each_caller_of_a_shared_plan_has_a_report_of_its_own,
};
use crate::time_zones::counts_and_grants_stay_if_a_zone_is_spelled_in_another_way;
use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, caller, patient, plan};

const DAY: i128 = 86_400 * SECOND;
/// The midnight after [`NOON`].
pub(crate) const MIDNIGHT: i128 = NOON + DAY / 2;
const DAY_AND_MONTH: &str = r#"{"throttle":{"rate":0.01,"burst":50},
    "quotas":[{"limit":100,"period":"day"},{"limit":1000,"period":"month"}]}"#;

test_on_stores! {
    stores [embedded, ministack, dynalite]
    a_look_charges_nothing_and_says_what_a_call_would_be_told
    the_report_adds_up_to_the_admitted_calls
    a_report_goes_back_to_days_that_have_been_put_away
}

// Without dynalite, which has no transactions.
test_on_stores! {
    stores [embedded, ministack]
    a_grant_changes_the_remaining_calls_until_the_window_ends
    a_cut_never_leaves_fewer_than_0_calls
    a_grant_with_the_same_id_is_made_once
    a_repeated_grant_is_told_as_it_was_whatever_came_between
    one_id_is_one_grant_and_no_other
    grants_at_once_under_one_id_are_one
    a_period_is_granted_no_more_than_the_largest_quota
    a_grant_of_a_quota_that_there_is_not_is_refused
    granted_calls_pass_where_the_quota_is_0
    a_call_of_cost_0_on_a_quota_of_0_needs_a_grant
    granted_calls_pass_where_the_cost_is_above_the_quota
    limits_are_told_with_what_was_granted
    near_the_limit_counts_what_was_granted
    a_refund_returns_quota_units_and_no_tokens
    a_charge_is_refunded_once_and_only_to_its_caller
    a_refund_goes_to_the_charges_own_window
    a_refund_after_the_last_window_is_over_returns_nothing
    a_refund_finds_a_day_that_has_been_put_away
    callers_of_a_shared_plan_take_from_one_set_of_limits
    each_caller_of_a_shared_plan_has_a_report_of_its_own
    a_refund_on_a_shared_plan_is_in_the_callers_own_report
    a_caller_that_moves_between_plans_keeps_its_days
    days_are_reported_without_a_plan
    counts_and_grants_stay_if_a_zone_is_spelled_in_another_way
}

pub(crate) fn remaining(decision: &Decision) -> Vec<u64> {
    decision
        .limits
        .iter()
        .map(|limit| limit.remaining)
        .collect()
}

async fn a_look_charges_nothing_and_says_what_a_call_would_be_told(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":0.01,"burst":4},"quotas":[{"limit":9,"period":"day"}]}"#);
    let caller = caller();
    for _ in 0..2 {
        let look = subject.peek(&caller, &plan, 1, NOON).await;
        assert_eq!(
            (&look.verdict, remaining(&look), &look.charge),
            (&Verdict::Allowed, vec![4, 9], &None)
        );
    }
    subject.call(&caller, &plan, 3, NOON).await;
    let look = subject.peek(&caller, &plan, 2, NOON).await;
    assert!(
        matches!(
            look.verdict,
            Verdict::Throttled {
                quota: false,
                retry_after_s: 100,
                ..
            }
        ),
        "{look:?}"
    );
    assert_eq!(remaining(&look), [1, 6]);
    assert_eq!(
        subject.peek(&caller, &plan, 5, NOON).await.verdict,
        Verdict::Impossible
    );
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
}

async fn a_refund_returns_quota_units_and_no_tokens(subject: Arc<Subject>) {
    let (plan, caller) = (plan(DAY_AND_MONTH), caller());
    subject.call(&caller, &plan, 10, NOON).await;
    let charged = subject.call(&caller, &plan, 30, NOON).await;
    assert_eq!(remaining(&charged), [10, 60, 960]);
    assert_eq!(
        subject.refund(&caller, &charged, NOON + SECOND).await,
        Refund::Returned
    );
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, NOON).await),
        [10, 90, 990]
    );
    assert_eq!(
        subject
            .report(&caller, &plan, ((11, 22), (11, 22)), NOON)
            .await
            .0,
        [10]
    );
}

async fn a_charge_is_refunded_once_and_only_to_its_caller(subject: Arc<Subject>) {
    let (plan, [caller, other]) = (plan(DAY_AND_MONTH), [caller(), caller()]);
    let charged = subject.call(&caller, &plan, 2, NOON).await;
    subject.call(&caller, &plan, 2, NOON).await;
    subject.call(&other, &plan, 2, NOON).await;
    assert_eq!(
        subject.refund(&other, &charged, NOON).await,
        Refund::NotFound
    );
    assert_eq!(
        subject.refund(&caller, &charged, NOON).await,
        Refund::Returned
    );
    assert_eq!(
        subject.refund(&caller, &charged, NOON).await,
        Refund::AlreadyRefunded
    );
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, NOON).await)[1..],
        [98, 998]
    );
}

async fn a_refund_goes_to_the_charges_own_window(subject: Arc<Subject>) {
    let (plan, caller) = (plan(DAY_AND_MONTH), caller());
    let charged = subject.call(&caller, &plan, 5, MIDNIGHT - SECOND).await;
    subject.call(&caller, &plan, 1, MIDNIGHT).await;
    assert_eq!(
        subject.refund(&caller, &charged, MIDNIGHT).await,
        Refund::Returned
    );
    assert_eq!(
        remaining(&subject.peek(&caller, &plan, 1, MIDNIGHT).await)[1..],
        [99, 999]
    );
    assert_eq!(
        subject
            .report(&caller, &plan, ((11, 22), (11, 23)), MIDNIGHT)
            .await
            .0,
        [0, 1]
    );
}

async fn a_refund_after_the_last_window_is_over_returns_nothing(subject: Arc<Subject>) {
    let caller = caller();
    for json in [r#"{"quotas":[{"limit":100,"period":"day"}]}"#, "{}"] {
        let plan = plan(json);
        let charged = subject.call(&caller, &plan, 5, MIDNIGHT - SECOND).await;
        assert_eq!(
            subject.refund(&caller, &charged, MIDNIGHT).await,
            Refund::WindowOver,
            "{json}"
        );
    }
}

/// A week that began in November is not over when November's days have been put away.
async fn a_refund_finds_a_day_that_has_been_put_away(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":100,"period":"week"}]}"#),
        caller(),
    );
    let monday = NOON + 8 * DAY;
    let charged = subject.call(&caller, &plan, 5, monday).await;
    subject.call(&caller, &plan, 1, monday + 4 * DAY).await;
    assert_eq!(
        subject.refund(&caller, &charged, monday + 4 * DAY).await,
        Refund::Returned
    );
    let (days, quotas) = subject
        .report(&caller, &plan, ((11, 30), (12, 4)), monday + 4 * DAY)
        .await;
    assert_eq!((days, quotas), (vec![0, 0, 0, 0, 1], vec![[1, 99]]));
}

async fn the_report_adds_up_to_the_admitted_calls(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"throttle":{"rate":0.001,"burst":40},"routes":{"GET /a":{"rate":0.001,"burst":9}},
            "quotas":[{"limit":70,"period":"day"},{"limit":90,"period":"month"}]}"#,
    );
    let (caller, route) = (caller(), plan.route_limit("GET", "/a").cloned());
    let mut admitted = vec![0, 0, 0];
    for call in 0..1000_u64 {
        let day = usize::try_from(call / 400).unwrap();
        let now = NOON + i128::try_from(day).unwrap() * DAY + i128::from(call) * SECOND;
        let (cost, route) = (call % 4, route.as_deref().filter(|_| call % 3 == 0));
        let decision = subject.call_route(&caller, &plan, route, cost, now).await;
        admitted[day] += if decision.verdict == Verdict::Allowed {
            cost
        } else {
            0
        };
    }
    let (days, quotas) = subject
        .report(&caller, &plan, ((11, 22), (11, 24)), NOON + 2 * DAY)
        .await;
    assert_eq!(days, admitted);
    assert_eq!(quotas, [[admitted[2], 70 - admitted[2]], [90, 0]]);
    let wrong = subject
        .store
        .usage_at(
            &caller,
            Some(&plan),
            date(2026, 1, 1),
            date(2027, 1, 2),
            NOON,
            patient(),
        )
        .await;
    assert!(matches!(wrong, Err(StoreError::Range)));
}

async fn a_report_goes_back_to_days_that_have_been_put_away(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#), caller());
    for day in 0..45 {
        assert!(
            subject
                .passes(
                    &caller,
                    &plan,
                    1 + u64::from(day == 3),
                    NOON + i128::from(day) * DAY
                )
                .await
        );
    }
    let now = NOON + 44 * DAY;
    let (days, _) = subject
        .report(&caller, &plan, ((11, 20), (12, 31)), now)
        .await;
    let expected: Vec<u64> = [0, 0, 1, 1, 1, 2]
        .into_iter()
        .chain(std::iter::repeat_n(1, 36))
        .collect();
    assert_eq!(days, expected);
}

async fn callers_of_a_shared_plan_take_from_one_set_of_limits(subject: Arc<Subject>) {
    let name = caller().to_string().replace('#', "-");
    let document = r#"{"shared_by_plan":true,"throttle":{"rate":0.01,"burst":9},"quotas":[{"limit":3,"period":"day"}]}"#;
    let plan = Plan::new(&name, serde_json::from_str(document).unwrap()).unwrap();
    let [first, second] = [caller(), caller()];
    assert_eq!(subject.admitted(&first, &plan, 2, NOON).await, 2);
    let charged = subject.call(&second, &plan, 1, NOON).await;
    assert_eq!(charged.verdict, Verdict::Allowed);
    assert!(!subject.passes(&first, &plan, 1, NOON).await);
    assert_eq!(
        subject.refund(&second, &charged, NOON).await,
        Refund::Returned
    );
    assert_eq!(
        subject
            .report(&first, &plan, ((11, 22), (11, 22)), NOON)
            .await,
        (vec![2], vec![[2, 1]])
    );
    // What a caller has on a plan that is not shared stays its own.
    let alone = testing::stores::plan(r#"{"quotas":[{"limit":3,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&first, &alone, 9, NOON).await, 3);
}
