//! What a decision costs: requests to DynamoDB, counted on ministack, beside the goals; and the
//! embedded store's decisions a second. Needs what `make tools` installs. Takes about three
//! minutes.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

mod accounts;
mod driver;
mod embedded;
mod leases;
mod loads;
mod outside;
mod partition;
use std::time::{Duration, Instant};

use aws::Deadline;
use limits::SECOND;

use loads::{Arrivals, Cost, load};
use testing::store_time::StoreAt as _;
use testing::stores::{Subject, TEST_DEADLINE, aws, caller, instance, now, plan};
use testing::{Emulator, Fault, FaultProxy};

const AMPLE: &str = r#"{"throttle":{"rate":10000,"burst":20000}}"#;
const SATURATED: &str = r#"{"throttle":{"rate":100,"burst":100}}"#;
const KEY: &str = r#"{"throttle":{"rate":100,"burst":100}}"#;
const KEY_AND_ROUTE: &str =
    r#"{"throttle":{"rate":100,"burst":100},"routes":{"GET /a":{"rate":100,"burst":100}}}"#;
const ONE_A_SECOND: &str = r#"{"throttle":{"rate":1,"burst":1}}"#;
const QUOTA_GONE: &str = r#"{"quotas":[{"limit":1,"period":"day"}]}"#;
const DEADLINE: Duration = Duration::from_millis(200);
/// Long enough that chance changes the requests per decision by about 0.01.
const POISSON_TIME: Duration = Duration::from_secs(30);

/// What all loads together show.
#[derive(Default)]
struct Extremes {
    most_one_bucket: usize,
    most_two_buckets: usize,
    over_admitted: i128,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Some(printed) = driver::run(&arguments).await {
        return println!("{printed}");
    }
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;
    let mut extremes = Extremes::default();
    println!("| requests per decision | measured | goal |\n|---|---|---|");
    busy(&url, &mut extremes).await;
    outside::three_processes(&server).await;
    poisson(&url, &mut extremes).await;
    denied(&url).await;
    sliding(&url).await;
    accounts::all_features(&url).await;
    leases::hot_keys(&url).await;
    leases::capped(&server).await;
    row(
        "maximum charges per decision, one bucket",
        extremes.most_one_bucket,
        "2",
    );
    row(
        "maximum charges per decision, two buckets",
        extremes.most_two_buckets,
        "3",
    );
    row(
        "calls above a limit, in any of these",
        extremes.over_admitted,
        "0",
    );
    row(
        "response time while the store hangs",
        format!("{:.0?}", answer_while_it_hangs(&server).await),
        "≤ 220 ms",
    );
    let [admitting, refusing] = embedded::decisions_a_second().map(|a_second| a_second / 1e6);
    row(
        "embedded store, decisions/s on one core, allowed calls",
        format!("{admitting:.1} million"),
        "≥ 2 million",
    );
    row(
        "embedded store, decisions/s on one core, refused calls",
        format!("{refusing:.1} million"),
        "≥ 2 million",
    );
}

fn row(what: &str, measured: impl std::fmt::Display, goal: &str) {
    println!("| {what} | {measured} | {goal} |");
}

async fn busy(url: &str, extremes: &mut Extremes) {
    for (name, json, rate, burst) in [
        ("ample", AMPLE, 10_000, 20_000),
        ("saturated", SATURATED, 100, 100),
    ] {
        for (workers, goal) in [(1, "1.00"), (16, "≤ 1.15"), (100, "≤ 1.3")] {
            let began = now();
            let cost = load(
                url,
                plan(json),
                workers,
                Arrivals::AtOnce,
                Duration::from_secs(8),
            )
            .await;
            extremes.see(&cost, 1, rate, burst, began);
            let what = format!("allowed, {name} plan, {workers} workers");
            let measured = format!(
                "{:.2} ({} decisions)",
                cost.an_allowed_decision(),
                cost.allowed
            );
            row(&what, cost.told(measured), goal);
        }
    }
}

async fn poisson(url: &str, extremes: &mut Extremes) {
    let goals = [
        ("key", KEY, 1, ["≤ 1.15", "≤ 1.3", "≤ 1.4"]),
        (
            "key and route",
            KEY_AND_ROUTE,
            2,
            ["≤ 1.4", "≤ 1.7", "≤ 1.9"],
        ),
    ];
    for (name, json, buckets, goals) in goals {
        for (share, goal) in [0.3, 0.6, 0.9].into_iter().zip(goals) {
            let arrivals = Arrivals::Poisson {
                a_second: 100.0 * share,
            };
            let began = now();
            let cost = load(url, plan(json), 16, arrivals, POISSON_TIME).await;
            extremes.see(&cost, buckets, 100, 100, began);
            let what = format!(
                "allowed, Poisson at {:.0} % of the rate, 16 workers, {name}",
                share * 100.0
            );
            let measured = format!(
                "{:.2} ({} decisions)",
                cost.an_allowed_decision(),
                cost.allowed
            );
            row(&what, cost.told(measured), goal);
        }
    }
}

async fn denied(url: &str) {
    let arrivals = Arrivals::Poisson { a_second: 400.0 };
    for (name, json, goal) in [
        ("rate 1/s", ONE_A_SECOND, "≤ 0.05"),
        ("quota used up", QUOTA_GONE, "≤ 0.02"),
    ] {
        let cost = load(url, plan(json), 16, arrivals, Duration::from_secs(12)).await;
        let what = format!("denied, 16 workers, 400 calls/s, {name}");
        let measured = format!(
            "{:.3} ({} decisions)",
            cost.a_denied_decision(),
            cost.denied
        );
        row(&what, cost.told(measured), goal);
    }
}

async fn sliding(url: &str) {
    let ample = plan(r#"{"algorithm":"sliding_window","window_s":2,"limit":1000000}"#);
    let cost = load(url, ample, 16, Arrivals::AtOnce, Duration::from_secs(8)).await;
    let what = format!(
        "{:.2} ({} decisions)",
        cost.an_allowed_decision(),
        cost.allowed
    );
    row(
        "allowed, sliding window of 2 s, 16 workers",
        cost.told(what),
        "≤ 1.05",
    );
    let tight = plan(r#"{"algorithm":"sliding_window","window_s":10,"limit":10}"#);
    let cost = load(
        url,
        tight,
        16,
        Arrivals::Poisson { a_second: 400.0 },
        Duration::from_secs(12),
    )
    .await;
    let what = format!(
        "{:.3} ({} decisions)",
        cost.a_denied_decision(),
        cost.denied
    );
    row(
        "denied, 16 workers, 400 calls/s, sliding window of 10 s",
        cost.told(what),
        "≤ 0.05",
    );
}

/// The longest of five answers, before the breaker saves the wait.
async fn answer_while_it_hangs(server: &Emulator) -> Duration {
    let proxy = FaultProxy::in_front_of(server.address).await;
    let (store, plan) = (instance(&aws(&proxy.url).await, DEADLINE), plan(KEY));
    let patient = Deadline::after(Instant::now(), TEST_DEADLINE);
    store
        .charge_at(&caller(), &plan, None, 1, now(), patient)
        .await
        .expect("a decision");
    proxy.fault_all(Fault::Hang);
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let began = Instant::now();
        let decision = store
            .charge_at(
                &caller(),
                &plan,
                None,
                1,
                now(),
                Deadline::after(began, DEADLINE),
            )
            .await;
        longest = longest.max(began.elapsed());
        assert!(decision.expect("a decision").degraded);
    }
    longest
}

impl Extremes {
    fn see(&mut self, cost: &Cost, buckets: usize, rate: i128, burst: i128, began: i128) {
        let most = if buckets == 1 {
            &mut self.most_one_bucket
        } else {
            &mut self.most_two_buckets
        };
        *most = cost.most.max(*most);
        let allowed = burst + (now() - began) * rate / SECOND;
        let admitted = i128::try_from(cost.allowed).unwrap_or(i128::MAX);
        self.over_admitted = self.over_admitted.max(admitted - allowed).max(0);
    }
}
