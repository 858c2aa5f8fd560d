//! Reports of a caller's own calls, whichever caller its plan charges. On every store.

use std::sync::Arc;

use jiff::civil::date;
use limits::{Caller, Plan, Refund, SECOND};

use testing::store_time::StoreAt as _;
use testing::stores::{NOON, Subject, caller, patient, plan};

const DAY: i128 = 86_400 * SECOND;
const TODAY: ((i8, i8), (i8, i8)) = ((11, 22), (11, 22));

/// A plan that its callers share, with a name that no other test uses.
pub(crate) fn shared_plan(limit: u64) -> Plan {
    let name = caller().to_string().replace('#', "-");
    let document =
        format!(r#"{{"shared_by_plan":true,"quotas":[{{"limit":{limit},"period":"day"}}]}}"#);
    Plan::new(&name, serde_json::from_str(&document).unwrap()).unwrap()
}

pub(crate) async fn each_caller_of_a_shared_plan_has_a_report_of_its_own(subject: Arc<Subject>) {
    let plan = shared_plan(10);
    let callers = [
        caller(),
        Caller::from_subject("https://a", &caller().to_string()),
        caller(),
    ];
    for (caller, calls, admitted) in [
        (&callers[0], 3, 3),
        (&callers[1], 4, 4),
        (&callers[2], 9, 3),
    ] {
        assert_eq!(subject.admitted(caller, &plan, calls, NOON).await, admitted);
    }

    for (caller, used) in callers.iter().zip([3, 4, 3]) {
        assert_eq!(
            subject.report(caller, &plan, TODAY, NOON).await,
            (vec![used], vec![[10, 0]]),
            "{caller}"
        );
    }
}

pub(crate) async fn a_refund_on_a_shared_plan_is_in_the_callers_own_report(subject: Arc<Subject>) {
    let (plan, [first, second]) = (shared_plan(100), [caller(), caller()]);
    subject.call(&first, &plan, 5, NOON).await;
    let charged = subject.call(&first, &plan, 30, NOON).await;
    subject.call(&second, &plan, 7, NOON).await;
    for outcome in [Refund::Returned, Refund::AlreadyRefunded] {
        assert_eq!(
            subject.refund(&first, &charged, NOON + SECOND).await,
            outcome
        );
    }

    assert_eq!(
        subject.report(&first, &plan, TODAY, NOON).await,
        (vec![5], vec![[12, 88]])
    );
    assert_eq!(
        subject.report(&second, &plan, TODAY, NOON).await,
        (vec![7], vec![[12, 88]])
    );
}

/// Calls on the day of the move itself add up, and nothing of them is another caller's.
pub(crate) async fn a_caller_that_moves_between_plans_keeps_its_days(subject: Arc<Subject>) {
    let (own, shared, [moved, other]) = (
        plan(r#"{"quotas":[{"limit":99,"period":"day"}]}"#),
        shared_plan(99),
        [caller(), caller()],
    );
    subject.call(&moved, &own, 5, NOON - 2 * DAY).await;
    subject.call(&other, &shared, 8, NOON).await;
    subject.call(&moved, &own, 1, NOON).await;
    subject.call(&moved, &shared, 2, NOON).await;
    subject.call(&moved, &own, 4, NOON).await;

    let days = ((11, 20), (11, 22));
    assert_eq!(
        subject.report(&moved, &shared, days, NOON).await,
        (vec![5, 0, 7], vec![[10, 89]])
    );
    assert_eq!(
        subject.report(&moved, &own, days, NOON).await,
        (vec![5, 0, 7], vec![[5, 94]])
    );

    // Days are reported alike once they have left the caller's own item.
    for day in 1..45 {
        subject.call(&moved, &own, 1, NOON + day * DAY).await;
    }
    let (days, _) = subject.report(&moved, &own, days, NOON + 44 * DAY).await;
    assert_eq!(days, [5, 0, 7]);
}

pub(crate) async fn days_are_reported_without_a_plan(subject: Arc<Subject>) {
    let (own, shared, [on_own, on_shared, nowhere]) = (
        plan(r#"{"quotas":[{"limit":9,"period":"day"}]}"#),
        shared_plan(9),
        [caller(), caller(), caller()],
    );
    subject.call(&on_own, &own, 2, NOON).await;
    subject.call(&on_shared, &shared, 3, NOON).await;

    for (caller, expected) in [
        (on_own, (2, true)),
        (on_shared, (3, true)),
        (nowhere, (0, false)),
    ] {
        let day = date(2026, 11, 22);
        let report = subject
            .store
            .usage_at(&caller, None, day, day, NOON, patient())
            .await
            .unwrap();
        assert_eq!(
            (report.days[0].units, report.is_recorded),
            expected,
            "{caller}"
        );
        assert_eq!(report.quotas, []);
    }
}
