//! Usage of many callers, of groups and in a time zone, on every store.

use std::sync::Arc;

use jiff::civil::{Date, date};
use limits::{Caller, DayUsage, Days, Plan, Refund, SECOND, Verdict};
use store::{Call, CallerDays, ReportedCaller};

use crate::cases::{stores, test_on_stores};
use crate::own_reports::shared_plan;
use testing::store_time::at;
use testing::stores::{NOON, Subject, caller, patient, plan};

test_on_stores! {
    stores [embedded, ministack, dynalite]
    keys_of_a_group_share_limits_and_have_figures_of_their_own
    a_shared_plan_is_charged_instead_of_the_group
    report_of_a_key_in_a_group_has_its_own_days_and_the_quotas_of_the_group
    month_calls_are_ordered_by_the_month_counter
    last_day_of_use_is_known
}

// Refunds are transactions, which dynalite does not have.
test_on_stores! {
    stores [embedded, ministack]
    calls_units_and_refusals_are_counted_per_day
    refund_of_a_key_in_a_group_returns_to_the_group
    days_are_those_of_the_plans_time_zone
}

const DAY: i128 = 86_400 * SECOND;
const TODAY: Date = date(2026, 11, 22);

fn group() -> Caller {
    Caller::Group(caller().to_string().replace('#', "-").into())
}

async fn call(
    subject: &Subject,
    [caller, group]: [&Caller; 2],
    plan: &Plan,
    now: i128,
) -> limits::Decision {
    let call = Call {
        caller,
        group: Some(group),
        plan,
        route: None,
        cost: 1,
        deadline: patient(),
    };
    at(now, subject.store.charge(&call)).await.unwrap()
}

async fn days(subject: &Subject, callers: &[Caller], now: i128) -> Vec<CallerDays> {
    let month = Days::new(date(2026, 11, 1), date(2026, 11, 30)).unwrap();
    at(now, subject.store.flush(patient())).await;
    at(now, subject.store.caller_days(callers, month, patient()))
        .await
        .unwrap()
}

fn day(date: Date, units: u64, calls: u64, refused: u64) -> DayUsage {
    DayUsage {
        date,
        units,
        calls,
        refused,
    }
}

async fn calls_units_and_refusals_are_counted_per_day(subject: Arc<Subject>) {
    let (plan, callers) = (
        plan(r#"{"quotas":[{"limit":10,"period":"day"}]}"#),
        [caller(), caller()],
    );
    for (cost, passes) in [(4, true), (1, true), (3, true), (5, false), (5, false)] {
        assert_eq!(
            subject.passes(&callers[0], &plan, cost, NOON).await,
            passes,
            "{cost}"
        );
    }
    let tomorrow = NOON + DAY;
    let charged = subject.call(&callers[0], &plan, 6, tomorrow).await;
    assert!(subject.passes(&callers[0], &plan, 2, tomorrow).await);
    assert_eq!(
        subject.refund(&callers[0], &charged, tomorrow).await,
        Refund::Returned
    );

    let report = days(&subject, &callers, tomorrow).await;
    let expected = [day(TODAY, 8, 3, 2), day(date(2026, 11, 23), 2, 1, 0)];
    assert_eq!(report[0].days, expected);
    assert_eq!(report[1], CallerDays::default());
}

async fn keys_of_a_group_share_limits_and_have_figures_of_their_own(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":10,"period":"day"}]}"#);
    let (group, keys) = (group(), [caller(), caller()]);
    let mut admitted = [0, 0];
    for step in 0..16 {
        let decision = call(&subject, [&keys[step % 2], &group], &plan, NOON).await;
        admitted[step % 2] += u64::from(decision.verdict == Verdict::Allowed);
    }
    assert_eq!(admitted, [5, 5]);

    let all = [keys[0].clone(), keys[1].clone(), group];
    let report = days(&subject, &all, NOON).await;
    let days: Vec<_> = report.iter().map(|caller| caller.days.clone()).collect();
    assert_eq!(days[0], [day(TODAY, 5, 5, 3)]);
    assert_eq!(days[1], [day(TODAY, 5, 5, 3)]);
    assert_eq!(days[2], [day(TODAY, 10, 10, 0)]);
}

async fn a_shared_plan_is_charged_instead_of_the_group(subject: Arc<Subject>) {
    let (plan, group, key) = (shared_plan(2), group(), caller());
    for verdict in [true, true, false] {
        let decision = call(&subject, [&key, &group], &plan, NOON).await;
        assert_eq!(decision.verdict == Verdict::Allowed, verdict);
    }

    let report = days(&subject, &[key, group], NOON).await;
    assert_eq!(report[0].days, [day(TODAY, 2, 2, 1)]);
    assert_eq!(report[1], CallerDays::default());
}

async fn report_of_a_key_in_a_group_has_its_own_days_and_the_quotas_of_the_group(
    subject: Arc<Subject>,
) {
    let limited = plan(r#"{"quotas":[{"limit":10,"period":"day"}]}"#);
    let (group, keys) = (group(), [caller(), caller()]);
    for (key, calls) in keys.iter().zip([3, 4]) {
        for _ in 0..calls {
            call(&subject, [key, &group], &limited, NOON).await;
        }
    }
    let shared = shared_plan(9);
    call(&subject, [&keys[0], &group], &shared, NOON).await;

    for (plan, expected) in [(&limited, [7, 3]), (&shared, [1, 8])] {
        for (key, units) in keys.iter().zip([4, 4]) {
            let (store, group) = (&subject.store, Some(&group));
            let usage = store.usage(key, group, Some(plan), TODAY, TODAY, patient());
            let report = at(NOON, usage).await.unwrap();

            let quota = &report.quotas[0];
            assert_eq!(report.days[0].units, units, "{key}");
            assert_eq!([quota.used, quota.remaining], expected, "{key}");
        }
    }
}

async fn refund_of_a_key_in_a_group_returns_to_the_group(subject: Arc<Subject>) {
    let plan = plan(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
    let (group, key) = (group(), caller());
    let charged = call(&subject, [&key, &group], &plan, NOON).await;
    call(&subject, [&key, &group], &plan, NOON).await;
    assert_eq!(subject.refund(&key, &charged, NOON).await, Refund::Returned);

    let again = call(&subject, [&caller(), &group], &plan, NOON).await;
    assert_eq!(again.verdict, Verdict::Allowed);
    let report = days(&subject, &[key, group], NOON).await;
    assert_eq!(report[0].days, [day(TODAY, 1, 1, 0)]);
    assert_eq!(report[1].days, [day(TODAY, 2, 2, 0)]);
}

async fn days_are_those_of_the_plans_time_zone(subject: Arc<Subject>) {
    let caller = caller();
    let utc = plan(r#"{"quotas":[{"limit":100,"period":"day"}]}"#);
    let explicit =
        plan(r#"{"time_zone":"Pacific/Kiritimati","quotas":[{"limit":100,"period":"day"}]}"#);
    let of_quotas = plan(r#"{"quotas":[{"limit":100,"period":"month","time_zone":"Asia/Tokyo"}]}"#);
    // 23:00 in UTC is the next day in Tokyo and on Kiritimati.
    let evening = NOON + 11 * 3600 * SECOND;
    subject.call(&caller, &utc, 1, evening).await;
    subject.call(&caller, &explicit, 2, evening).await;
    let charged = subject.call(&caller, &of_quotas, 4, evening).await;
    subject.call(&caller, &of_quotas, 8, evening).await;
    assert_eq!(
        subject.refund(&caller, &charged, evening).await,
        Refund::Returned
    );

    let report = days(&subject, &[caller], evening).await;
    let expected = [day(TODAY, 1, 1, 0), day(date(2026, 11, 23), 10, 2, 0)];
    assert_eq!(report[0].days, expected);
}

async fn month_calls_are_ordered_by_the_month_counter(subject: Arc<Subject>) {
    let unlimited = plan("{}");
    let (group, grouped, alone, idle) = (group(), caller(), caller(), caller());
    for (day, cost) in [(-30, 1), (-10, 5), (-3, 1), (0, 2)] {
        subject
            .call(&alone, &unlimited, cost, NOON + day * DAY)
            .await;
    }
    for _ in 0..4 {
        call(&subject, [&grouped, &group], &unlimited, NOON).await;
    }

    at(NOON, subject.store.flush(patient())).await;
    let reported: Vec<_> = [(alone, false), (grouped, true), (idle, false)]
        .into_iter()
        .map(|(caller, has_figures)| ReportedCaller {
            caller,
            has_figures,
        })
        .collect();
    for (month, expected) in [(11, [3, 4, 0]), (10, [1, 0, 0]), (1, [0, 0, 0])] {
        let month = date(2026, month, 1);
        let calls = at(NOON, subject.store.month_calls(&reported, month, patient())).await;
        assert_eq!(calls.unwrap(), expected, "{month}");
    }
}

async fn last_day_of_use_is_known(subject: Arc<Subject>) {
    let unlimited = plan("{}");
    let (group, grouped, alone, idle) = (group(), caller(), caller(), caller());
    subject.call(&alone, &unlimited, 1, NOON - 60 * DAY).await;
    subject.call(&alone, &unlimited, 1, NOON - 50 * DAY).await;
    call(&subject, [&grouped, &group], &unlimited, NOON - 40 * DAY).await;
    at(NOON, subject.store.flush(patient())).await;

    let reported: Vec<_> = [(alone, false), (grouped, true), (idle, false)]
        .into_iter()
        .map(|(caller, has_figures)| ReportedCaller {
            caller,
            has_figures,
        })
        .collect();
    for (since, expected) in [
        (
            date(2026, 9, 1),
            [Some(date(2026, 10, 3)), Some(date(2026, 10, 13)), None],
        ),
        (date(2026, 10, 10), [None, Some(date(2026, 10, 13)), None]),
        (date(2026, 11, 1), [None, None, None]),
    ] {
        let last = at(NOON, subject.store.last_used(&reported, since, patient())).await;
        assert_eq!(last.unwrap(), expected, "{since}");
    }
}
