//! The additional requests of decisions with groups, thresholds, overage and reports.

use limits::{Caller, Nanos, Plan, SECOND};
use store::Call;

use testing::store_time::at;
use testing::stores::{NOON, caller, patient, plan};

use crate::loads::Instance;
use crate::row;

/// The largest plan: 16 routes, and 4 quotas with thresholds and overage.
const QUOTA: &str = r#""limit":1000,"overage":"allow","warn_at":[0.5,0.8,1.0,2.0]"#;
const PERIODS: [&str; 4] = ["day", "month", "year", "total"];
const PERIODS_WITH_HOUR: [&str; 4] = ["hour", "day", "month", "total"];
const ROUTES: usize = 16;
const HOUR: Nanos = 3600 * SECOND;
const DAYS: usize = 40;

fn largest_plan(periods: [&str; 4]) -> Plan {
    let quotas =
        periods.map(|period| format!(r#"{{"name":"{period}","period":"{period}",{QUOTA}}}"#));
    let routes: Vec<String> = (0..ROUTES)
        .map(|route| format!(r#""GET /{route}":{{"rate":10,"burst":100}}"#))
        .collect();
    let quotas = quotas.join(",");
    let routes = routes.join(",");
    plan(&format!(
        r#"{{"throttle":{{"rate":100,"burst":1000}},"quotas":[{quotas}],"routes":{{{routes}}}}}"#
    ))
}

/// Prints what one instance requests on a clock that the benchmark sets, so that every run has the
/// same counts.
pub(crate) async fn all_features(url: &str) {
    let plan = largest_plan(PERIODS);
    let hourly = largest_plan(PERIODS_WITH_HOUR);
    let group = Caller::Group(caller().to_string().replace('#', "-").into());

    let calls = 3600;
    let alone = extra_requests(url, &plan, None, calls, SECOND).await;
    row(
        "additional requests in an hour, a call per second, 4 quotas with `warn_at` and `overage`",
        alone,
        "≤ 1",
    );
    let grouped = extra_requests(url, &plan, Some(&group), calls, SECOND).await;
    row("the same in a group: figures of the key", grouped, "≤ 61");

    let calls = DAYS * 24;
    let daily = extra_requests(url, &plan, None, calls, HOUR).await;
    row(
        &format!("additional requests in {DAYS} days, a call per hour, 16 routes: tidying"),
        daily,
        &format!("≤ {}", 3 * DAYS),
    );
    let daily = extra_requests(url, &hourly, None, calls, HOUR).await;
    row(
        "the same with a quota per hour",
        daily,
        &format!("≤ {}", 6 * DAYS),
    );
}

/// Makes calls at regular instants and returns how many requests were made beyond one per call.
async fn extra_requests(
    url: &str,
    plan: &Plan,
    group: Option<&Caller>,
    calls: usize,
    interval: Nanos,
) -> usize {
    let instance = Instance::new(url).await;
    let caller = caller();
    let mut now = NOON;

    for number in 0..calls {
        let path = format!("/{}", number % ROUTES);
        let call = Call {
            caller: &caller,
            group,
            plan,
            route: plan.route_limit("GET", &path).map(AsRef::as_ref),
            cost: 1,
            deadline: patient(),
        };
        let decision = at(now, instance.store.charge(&call)).await;
        assert!(!decision.expect("a decision").degraded);
        now += interval;
    }
    instance.requests() - calls
}
