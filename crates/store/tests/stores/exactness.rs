//! Under load from many instances, as many calls pass as the plan allows: never one more, and never
//! one fewer where the plan is ample. Twenty rounds each, because a race shows now and then only.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{AwsCalls, Deadline};
use limits::{Caller, Nanos, Plan, Verdict};
use store::DynamoDbStore;

use testing::Emulator;
use testing::FaultProxy;
use testing::store_time::StoreAt as _;
use testing::stores::{
    MILLISECOND, NOON, Subject, TEST_DEADLINE, aws, caller, from_noon, instance, now, plan,
};

const ROUNDS: usize = 20;

/// What instances, each with a memory of its own, got out of so many calls of one caller.
#[derive(Default)]
struct Tally {
    admitted: usize,
    calls: usize,
}

/// `workers` instances share `calls` calls, each calling again as soon as it has its answer.
async fn saturate(
    aws: &AwsCalls,
    caller: &Caller,
    plan: &Arc<Plan>,
    workers: usize,
    calls: usize,
    clock: fn() -> Nanos,
) -> Tally {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let (store, caller, plan) = (
            instance(aws, TEST_DEADLINE),
            caller.clone(),
            Arc::clone(plan),
        );
        tasks.spawn(async move { work(&store, &caller, &plan, calls / workers, clock).await });
    }
    let mut tally = Tally::default();
    while let Some(admitted) = tasks.join_next().await {
        tally.admitted += admitted.expect("no panic");
        tally.calls += calls / workers;
    }
    tally
}

async fn work(
    store: &DynamoDbStore,
    caller: &Caller,
    plan: &Plan,
    calls: usize,
    clock: fn() -> Nanos,
) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        let route = plan.route_limit("GET", "/a");
        let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
        let decision = store
            .charge_at(caller, plan, route.map(AsRef::as_ref), 1, clock(), deadline)
            .await
            .unwrap();
        assert!(!decision.degraded);
        admitted += usize::from(decision.verdict == Verdict::Allowed);
    }
    admitted
}

struct Case {
    name: &'static str,
    plan: &'static str,
    allows: usize,
}

const TIGHT: [Case; 5] = [
    Case {
        name: "a bucket",
        plan: r#"{"throttle":{"rate":0.001,"burst":100}}"#,
        allows: 100,
    },
    Case {
        name: "a bucket and a route's",
        plan: r#"{"throttle":{"rate":0.001,"burst":120},"routes":{"GET /a":{"rate":0.001,"burst":60}}}"#,
        allows: 60,
    },
    Case {
        name: "two quotas",
        plan: r#"{"quotas":[{"limit":50,"period":"day"},{"limit":70,"period":"month"}]}"#,
        allows: 50,
    },
    Case {
        name: "a total and a month with overage",
        plan: r#"{"quotas":[{"limit":80,"period":"total"},
                            {"limit":10,"period":"month","overage":"allow"}]}"#,
        allows: 80,
    },
    Case {
        name: "a sliding window and a week",
        plan: r#"{"algorithm":"sliding_window","window_s":86400,"limit":80,
                  "quotas":[{"limit":90,"period":"week","time_zone":"Pacific/Auckland"}]}"#,
        allows: 80,
    },
];

async fn rounds(cases: &[Case], workers: usize, calls: usize, rounds: usize) {
    let server = Emulator::ministack();
    let proxy = FaultProxy::in_front_of(server.address).await;
    Subject::dynamodb("ministack", &proxy.url).await;
    let aws = aws(&proxy.url).await;
    for round in 0..rounds {
        let case = &cases[round % cases.len()];
        let before = proxy.count("UpdateItem");
        let plan = Arc::new(plan(case.plan));
        let tally = saturate(&aws, &caller(), &plan, workers, calls, from_noon).await;
        assert_eq!(tally.admitted, case.allows, "{}, round {round}", case.name);
        let requests = proxy.count("UpdateItem") - before;
        assert!(
            requests <= 2 * tally.calls,
            "{}: {requests} requests for {} decisions",
            case.name,
            tally.calls
        );
    }
}

#[tokio::test]
async fn sixteen_workers_admit_exactly_what_is_allowed() {
    rounds(&TIGHT, 16, 1600, ROUNDS).await;
}

#[tokio::test]
async fn a_hundred_workers_admit_exactly_what_is_allowed() {
    rounds(&TIGHT, 100, 1600, ROUNDS).await;
}

/// A hundred instances make sixteen calls each. All pass, and all beyond the limit are flagged.
#[tokio::test]
async fn a_hundred_workers_count_and_flag_overage_exactly() {
    const WORKERS: usize = 100;
    const CALLS: usize = 16;
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    let subject = Subject::dynamodb("ministack", &url).await;
    let (aws, caller) = (aws(&url).await, caller());
    let plan = Arc::new(plan(
        r#"{"quotas":[{"limit":500,"period":"month","overage":"allow"}]}"#,
    ));

    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let store = instance(&aws, TEST_DEADLINE);
        let (caller, plan) = (caller.clone(), Arc::clone(&plan));
        tasks.spawn(async move {
            let mut flagged = 0;
            for _ in 0..CALLS {
                let deadline = Deadline::after(Instant::now(), TEST_DEADLINE);
                let decided = store.charge_at(&caller, &plan, None, 1, NOON, deadline);
                let decision = decided.await.unwrap();
                assert_eq!(
                    (decision.verdict, decision.degraded),
                    (Verdict::Allowed, false)
                );
                flagged += usize::from(decision.over_quota);
            }
            flagged
        });
    }

    let mut flagged = 0;
    while let Some(more) = tasks.join_next().await {
        flagged += more.unwrap();
    }
    assert_eq!(flagged, WORKERS * CALLS - 500);
    let today = ((11, 22), (11, 22));
    let (days, quotas) = subject.report(&caller, &plan, today, NOON).await;
    let calls = u64::try_from(WORKERS * CALLS).unwrap();
    assert_eq!((days, quotas), (vec![calls], vec![[calls, 0]]));
}

#[tokio::test]
async fn an_ample_plan_admits_every_call() {
    let ample = [Case {
        name: "an ample plan",
        plan: r#"{"throttle":{"rate":10000,"burst":10000},"routes":{"GET /a":{"rate":5000,"burst":5000}},
                  "quotas":[{"limit":1000000,"period":"day"}]}"#,
        allows: 320,
    }];
    rounds(&ample, 16, 320, 5).await;
}

#[tokio::test]
async fn ten_seconds_of_saturation_admit_the_burst_and_the_rate() {
    let server = Emulator::ministack();
    let subject = Subject::dynamodb("ministack", &format!("http://{}", server.address)).await;
    let (plan, caller) = (plan(r#"{"throttle":{"rate":50,"burst":20}}"#), caller());
    let mut admitted = 0;
    for step in 0..10_000 {
        admitted += u64::from(
            subject
                .passes(&caller, &plan, 1, NOON + step * MILLISECOND)
                .await,
        );
    }
    assert!((519..=520).contains(&admitted), "{admitted}");
}

const WORKER_URL: &str = "TOLLGATE_TEST_WORKER_URL";
const WORKER_CALLER: &str = "TOLLGATE_TEST_WORKER_CALLER";

/// The program of each process of the next test.
#[tokio::test]
#[ignore = "a worker process of another test"]
async fn a_worker_process() {
    let url = std::env::var(WORKER_URL).expect(WORKER_URL);
    let id = std::env::var(WORKER_CALLER).expect(WORKER_CALLER);
    let tally = saturate(
        &aws(&url).await,
        &Caller::Key(id),
        &Arc::new(plan(TIGHT[0].plan)),
        4,
        100,
        // The clock that all processes share.
        now,
    )
    .await;
    println!("admitted={}", tally.admitted);
}

#[tokio::test]
async fn several_processes_admit_exactly_what_is_allowed() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;
    for round in 0..5 {
        let id = format!("processes-{round}");
        let workers: Vec<_> = (0..4)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args([
                        "exactness::a_worker_process",
                        "--exact",
                        "--ignored",
                        "--nocapture",
                    ])
                    .env(WORKER_URL, &url)
                    .env(WORKER_CALLER, &id)
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let admitted: usize = workers
            .into_iter()
            .map(|worker| admitted(worker.wait_with_output().unwrap()))
            .sum();
        assert_eq!(admitted, 100, "round {round}");
    }
}

fn admitted(output: std::process::Output) -> usize {
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.split("admitted=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap()
        .parse()
        .unwrap()
}

/// Two seconds of real time, sixteen instances on one bucket: what passes stays within burst and
/// rate.
#[tokio::test]
async fn a_saturated_rate_is_never_passed() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;
    let (aws, caller) = (aws(&url).await, caller());
    let plan = Arc::new(plan(r#"{"throttle":{"rate":50,"burst":20}}"#));
    let (began, end) = (from_noon(), Instant::now() + Duration::from_secs(2));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, caller, plan) = (
            instance(&aws, TEST_DEADLINE),
            caller.clone(),
            Arc::clone(&plan),
        );
        tasks.spawn(async move {
            let mut admitted = 0;
            while Instant::now() < end {
                admitted += work(&store, &caller, &plan, 1, from_noon).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            admitted
        });
    }
    let mut admitted = 0;
    while let Some(more) = tasks.join_next().await {
        admitted += i128::try_from(more.unwrap()).unwrap();
    }
    let allowed = 20 + (from_noon() - began) * 50 / limits::SECOND;
    assert!(admitted <= allowed, "{admitted} of {allowed}");
    assert!(
        admitted >= 20,
        "{admitted} of {allowed}: not even the burst"
    );
}
