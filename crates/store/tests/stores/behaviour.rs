//! What every store does, whichever it is: one table of cases, run against each. The numbers are
//! those of the limiter's scenarios.

use std::sync::Arc;

use limits::{Caller, SECOND, Verdict};
use registry::{KeyHash, KeyStatus};

use crate::cases::run;
use crate::servers::Server;
use crate::subject::{MILLISECOND, NOON, Subject, caller, patient, plan, retry_after_s, violated};

macro_rules! run_all {
    ($subject:expr) => {
        run!($subject,
            s04_an_idle_hour_earns_no_more_than_the_burst
            s06_a_quota_holds_in_each_calendar_window
            s08_a_bucket_does_not_care_for_the_edge_of_a_window
            s09_the_last_nanosecond_of_a_day_belongs_to_it
            s11_a_month_ends_where_the_calendar_says
            s14_a_raised_quota_admits_at_once
            s15_a_lowered_quota_denies_and_takes_nothing
            s17_another_plan_keeps_the_quotas_usage_and_starts_its_buckets_anew
            s18_s20_a_disabled_or_expired_key_is_known_as_such
            s19_what_is_no_key_or_unknown_is_nobody
            s25_a_clock_that_steps_back_gives_nothing_back
            s33_retry_after_is_the_instant
            s34_retry_after_is_never_0
            s35_a_refused_cost_leaves_what_was_there
            s36_s38_what_can_never_pass_is_impossible
            s37_a_cost_of_0_takes_nothing_and_tells_everything
            s40_a_plan_without_limits_admits_and_has_nothing_to_tell
            s41_an_exhausted_month_takes_no_tokens
            s42_both_violated_limits_are_named_and_the_longer_wait_counts
            a_route_is_charged_with_the_callers_bucket_or_not_at_all
            callers_do_not_share_their_limits
            plans_and_keys_are_found_by_name_and_hash
        )
    };
}

#[tokio::test]
async fn the_embedded_store_behaves() {
    run_all!(Subject::embedded());
}

#[tokio::test]
async fn dynamodb_on_ministack_behaves() {
    let server = Server::ministack();
    run_all!(Subject::dynamodb("ministack", &format!("http://{}", server.address)).await);
}

#[tokio::test]
async fn dynamodb_on_dynalite_behaves() {
    let server = Server::dynalite();
    run_all!(Subject::dynamodb("dynalite", &format!("http://{}", server.address)).await);
}

const DAY: i128 = 86_400 * SECOND;
/// The midnight after [`NOON`].
const MIDNIGHT: i128 = NOON + DAY / 2;

async fn s04_an_idle_hour_earns_no_more_than_the_burst(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":1,"burst":4}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    assert_eq!(
        subject
            .admitted(&caller, &plan, 6, NOON + 3600 * SECOND)
            .await,
        4
    );
}

async fn s06_a_quota_holds_in_each_calendar_window(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":3,"period":"day"}]}"#), caller());
    assert_eq!(
        subject.admitted(&caller, &plan, 5, MIDNIGHT - SECOND).await,
        3
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, MIDNIGHT).await, 3);
}

async fn s08_a_bucket_does_not_care_for_the_edge_of_a_window(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":0.01,"burst":3},"quotas":[{"limit":100,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(
        subject.admitted(&caller, &plan, 5, MIDNIGHT - SECOND).await,
        3
    );
    assert_eq!(subject.admitted(&caller, &plan, 5, MIDNIGHT).await, 0);
}

async fn s09_the_last_nanosecond_of_a_day_belongs_to_it(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"quotas":[{"limit":1,"period":"day"}]}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, MIDNIGHT - 1).await);
    assert!(!subject.passes(&caller, &plan, 1, MIDNIGHT - 1).await);
    assert!(subject.passes(&caller, &plan, 1, MIDNIGHT).await);
}

async fn s11_a_month_ends_where_the_calendar_says(subject: Arc<Subject>) {
    let (plan, caller) = (
        plan(r#"{"quotas":[{"limit":1,"period":"month"}]}"#),
        caller(),
    );
    // The last instants of November, of a December, of a February with 29 days; each month admits
    // once.
    for day in ["2026-11-30", "2026-12-31", "2028-02-29"] {
        let last = format!("{day}T23:59:59.999999999Z")
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_nanosecond();
        assert_eq!(subject.admitted(&caller, &plan, 2, last).await, 1, "{day}");
        let caller = crate::subject::caller();
        assert_eq!(subject.admitted(&caller, &plan, 2, last).await, 1, "{day}");
        assert_eq!(
            subject.admitted(&caller, &plan, 2, last + 1).await,
            1,
            "after {day}"
        );
    }
}

async fn s14_a_raised_quota_admits_at_once(subject: Arc<Subject>) {
    let caller = caller();
    let tight = plan(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &tight, 3, NOON).await, 2);
    let raised = plan(r#"{"quotas":[{"limit":3,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &raised, 3, NOON).await, 1);
}

async fn s15_a_lowered_quota_denies_and_takes_nothing(subject: Arc<Subject>) {
    let caller = caller();
    let ample = plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#);
    assert!(subject.passes(&caller, &ample, 50, NOON).await);
    let decision = subject
        .call(
            &caller,
            &plan(r#"{"quotas":[{"limit":10,"period":"day"}]}"#),
            1,
            NOON,
        )
        .await;
    assert_eq!(
        (violated(&decision), decision.limits[0].remaining),
        (vec!["day"], 0)
    );
    assert_eq!(
        subject.call(&caller, &ample, 1, NOON).await.limits[0].remaining,
        49
    );
}

async fn s17_another_plan_keeps_the_quotas_usage_and_starts_its_buckets_anew(
    subject: Arc<Subject>,
) {
    let caller = caller();
    let first =
        plan(r#"{"throttle":{"rate":0.01,"burst":2},"quotas":[{"limit":5,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &first, 9, NOON).await, 2);
    let second =
        plan(r#"{"throttle":{"rate":100,"burst":9},"quotas":[{"limit":5,"period":"day"}]}"#);
    assert_eq!(subject.admitted(&caller, &second, 9, NOON).await, 3);
}

async fn s18_s20_a_disabled_or_expired_key_is_known_as_such(subject: Arc<Subject>) {
    for (key, standing) in [
        ("local-free-key-000000000001", KeyStatus::Good),
        ("disabled-key-00000000000001", KeyStatus::Disabled),
        ("expired-key-000000000000001", KeyStatus::Expired),
    ] {
        let key = subject
            .store
            .key(&KeyHash::of(key).unwrap(), patient())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(key.standing(NOON), standing, "{}", key.key_id);
    }
}

async fn s19_what_is_no_key_or_unknown_is_nobody(subject: Arc<Subject>) {
    let unknown = KeyHash::of("nobody-has-this-key-0000001").unwrap();
    assert_eq!(subject.store.key(&unknown, patient()).await.unwrap(), None);
    assert_eq!(subject.store.key(&unknown, patient()).await.unwrap(), None);
    assert!(
        subject
            .store
            .plan("nobody", patient())
            .await
            .unwrap()
            .is_none()
    );
}

async fn s25_a_clock_that_steps_back_gives_nothing_back(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":3},"quotas":[{"limit":4,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 4, MIDNIGHT).await, 3);
    assert_eq!(
        subject.admitted(&caller, &plan, 4, MIDNIGHT - SECOND).await,
        0
    );
    assert_eq!(
        subject.admitted(&caller, &plan, 4, MIDNIGHT + SECOND).await,
        1
    );
}

async fn s33_retry_after_is_the_instant(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":0.1,"burst":2}}"#), caller());
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    let wait = i128::from(retry_after_s(&subject.call(&caller, &plan, 1, NOON).await));
    assert_eq!(wait, 10);
    assert!(
        !subject
            .passes(&caller, &plan, 1, NOON + (wait - 1) * SECOND)
            .await
    );
    assert!(
        subject
            .passes(&caller, &plan, 1, NOON + wait * SECOND)
            .await
    );
}

async fn s34_retry_after_is_never_0(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":5,"burst":1}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    assert_eq!(
        retry_after_s(&subject.call(&caller, &plan, 1, NOON).await),
        1
    );
    assert!(
        subject
            .passes(&caller, &plan, 1, NOON + 200 * MILLISECOND)
            .await
    );
}

async fn s35_a_refused_cost_leaves_what_was_there(subject: Arc<Subject>) {
    let (plan, caller) = (plan(r#"{"throttle":{"rate":0.1,"burst":5}}"#), caller());
    assert!(subject.passes(&caller, &plan, 1, NOON).await);
    let decision = subject.call(&caller, &plan, 5, NOON).await;
    assert_eq!(
        (retry_after_s(&decision), decision.limits[0].remaining),
        (10, 4)
    );
    assert!(subject.passes(&caller, &plan, 4, NOON).await);
}

async fn s36_s38_what_can_never_pass_is_impossible(subject: Arc<Subject>) {
    for (json, cost) in [
        (r#"{"throttle":{"rate":1,"burst":5}}"#, 6),
        (r#"{"throttle":{"rate":0,"burst":5}}"#, 1),
        (r#"{"throttle":{"rate":1,"burst":0}}"#, 1),
        (r#"{"quotas":[{"limit":3,"period":"day"}]}"#, 4),
        (r#"{"quotas":[{"limit":0,"period":"month"}]}"#, 1),
    ] {
        let decision = subject.call(&caller(), &plan(json), cost, NOON).await;
        assert_eq!(
            (decision.verdict, decision.limits),
            (Verdict::Impossible, vec![]),
            "{json}"
        );
    }
}

async fn s37_a_cost_of_0_takes_nothing_and_tells_everything(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":0.1,"burst":2},"quotas":[{"limit":5,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    for _ in 0..2 {
        let decision = subject.call(&caller, &plan, 0, NOON).await;
        assert_eq!(decision.verdict, Verdict::Allowed);
        assert_eq!(
            decision
                .limits
                .iter()
                .map(|limit| limit.remaining)
                .collect::<Vec<_>>(),
            [0, 3]
        );
    }
}

async fn s40_a_plan_without_limits_admits_and_has_nothing_to_tell(subject: Arc<Subject>) {
    let decision = subject.call(&caller(), &plan("{}"), 1_000_000, NOON).await;
    assert_eq!(
        (decision.verdict, decision.limits),
        (Verdict::Allowed, vec![])
    );
}

async fn s41_an_exhausted_month_takes_no_tokens(subject: Arc<Subject>) {
    let plan =
        plan(r#"{"throttle":{"rate":0.01,"burst":5},"quotas":[{"limit":3,"period":"month"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 3);
    for _ in 0..2 {
        let decision = subject.call(&caller, &plan, 1, NOON).await;
        assert_eq!(
            (violated(&decision), decision.limits[0].remaining),
            (vec!["month"], 2)
        );
    }
}

async fn s42_both_violated_limits_are_named_and_the_longer_wait_counts(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":2},"quotas":[{"limit":2,"period":"day"}]}"#);
    let caller = caller();
    assert_eq!(subject.admitted(&caller, &plan, 2, NOON).await, 2);
    let decision = subject.call(&caller, &plan, 1, NOON).await;
    assert_eq!(
        (violated(&decision), retry_after_s(&decision)),
        (vec!["burst", "day"], 43_200)
    );
}

async fn a_route_is_charged_with_the_callers_bucket_or_not_at_all(subject: Arc<Subject>) {
    let plan = plan(
        r#"{"throttle":{"rate":0.01,"burst":3},"routes":{"POST /pay":{"rate":0.01,"burst":1}},
            "quotas":[{"limit":9,"period":"day"}]}"#,
    );
    let (caller, route) = (caller(), plan.route_limit("POST", "/pay").cloned());
    let first = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    let remaining = |decision: &limits::Decision| {
        decision
            .limits
            .iter()
            .map(|limit| limit.remaining)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (&first.verdict, remaining(&first)),
        (&Verdict::Allowed, vec![2, 0, 8])
    );
    let second = subject
        .call_route(&caller, &plan, route.as_deref(), 1, NOON)
        .await;
    assert_eq!(
        (violated(&second), remaining(&second)),
        (vec!["POST /pay"], vec![2, 0, 8])
    );
    assert_eq!(subject.admitted(&caller, &plan, 3, NOON).await, 2);
}

async fn callers_do_not_share_their_limits(subject: Arc<Subject>) {
    let plan = plan(r#"{"throttle":{"rate":0.01,"burst":1}}"#);
    let address = Caller::from_address("2001:db8::1".parse().unwrap(), "p");
    for caller in [caller(), caller(), address] {
        assert_eq!(
            subject.admitted(&caller, &plan, 2, NOON).await,
            1,
            "{caller}"
        );
    }
}

async fn plans_and_keys_are_found_by_name_and_hash(subject: Arc<Subject>) {
    let hash = KeyHash::of("local-free-key-000000000001").unwrap();
    for _ in 0..2 {
        let key = subject.store.key(&hash, patient()).await.unwrap().unwrap();
        assert_eq!(
            (&*key.key_id, &*key.plan, &key.scopes[..]),
            ("k1", "free", &["orders:read".to_owned()][..])
        );
        let plan = subject
            .store
            .plan("free", patient())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (plan.bucket.as_ref().unwrap().burst, plan.quotas[0].limit),
            (5, 100)
        );
    }
}
