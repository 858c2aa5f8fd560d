//! One measurement, told on the command line and printed as JSON: how comparisons with other
//! limiters, which are processes of other languages, call this one.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use aws::Deadline;
use limits::{Caller, Plan, Verdict};
use serde_json::{Value, json};
use store::EmbeddedStore;

use crate::loads::{Arrivals, load};
use crate::partition::Partition;
use store::Call;
use testing::store_time::{StoreAt as _, charge_embedded_at, clock};
use testing::stores::{
    NOON, Subject, TEST_DEADLINE, aws, caller, instance, now, patient, plan, seeds,
};

const DEADLINE: Duration = Duration::from_millis(200);
const SLICES: usize = 10;
const SLICE: Duration = Duration::from_millis(200);

/// `load URL WORKERS SECONDS LIMIT`, `hang URL`, `hot LEASE SECONDS` or `callers NUMBER`; `None`
/// for anything else.
pub(crate) async fn run(arguments: &[&str]) -> Option<Value> {
    Some(match *arguments {
        ["load", url, workers, seconds, limit] => {
            busy(
                url,
                workers.parse().ok()?,
                seconds.parse().ok()?,
                limit.parse().ok()?,
            )
            .await
        }
        ["hang", url] => hang(url).await,
        ["hot", lease, seconds] => hot(lease.parse().ok()?, seconds.parse().ok()?).await,
        ["callers", number] => callers(number.parse().ok()?),
        _ => return None,
    })
}

/// Calls of one key by `workers` instances, each as soon as it has its answer; with a limit of 0
/// all pass.
async fn busy(url: &str, workers: usize, seconds: u64, limit: u64) -> Value {
    Subject::dynamodb("server", url).await;
    let ample = r#"{"throttle":{"rate":100000,"burst":200000}}"#.to_owned();
    let tight = format!(r#"{{"quotas":[{{"limit":{limit},"period":"day"}}]}}"#);
    let plan = plan(if limit == 0 { &ample } else { &tight });
    let began = Instant::now();
    let cost = load(
        url,
        plan,
        workers,
        Arrivals::AtOnce,
        Duration::from_secs(seconds),
    )
    .await;
    json!({
        "decisions": cost.allowed + cost.denied, "allowed": cost.allowed, "unanswered": cost.unanswered,
        "requests": cost.requests(), "seconds": began.elapsed().as_secs_f64()
    })
}

/// One answer that is had, a line to say so, a line to wait for, and the next answer.
async fn hang(url: &str) -> Value {
    Subject::dynamodb("server", url).await;
    let (store, caller) = (instance(&aws(url).await, DEADLINE), caller());
    let plan = plan(r#"{"throttle":{"rate":100,"burst":100}}"#);
    let patient = Deadline::after(Instant::now(), TEST_DEADLINE);
    store
        .charge_at(&caller, &plan, None, 1, now(), patient)
        .await
        .expect("a decision");
    println!("ready");
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .expect("a line");
    let began = Instant::now();
    let decision = store
        .charge_at(
            &caller,
            &plan,
            None,
            1,
            now(),
            Deadline::after(began, DEADLINE),
        )
        .await;
    let how = if decision.expect("a decision").degraded {
        "by the plan's policy"
    } else {
        "as decided"
    };
    json!({"seconds": began.elapsed().as_secs_f64(), "how": how})
}

/// Calls of one hot key by 16 instances at a store that takes what a partition takes.
async fn hot(lease: u32, seconds: u64) -> Value {
    let store = Partition::start().await;
    let json = format!(r#"{{"throttle":{{"rate":1000000,"burst":1000000}},"lease":{lease}}}"#);
    let cost = load(
        &store.url,
        plan(&json),
        16,
        Arrivals::AtOnce,
        Duration::from_secs(seconds),
    )
    .await;
    json!({
        "admitted": cost.allowed, "unanswered": cost.unanswered, "writes": store.writes(), "seconds": seconds
    })
}

/// Decisions a second of the embedded store with so many callers.
fn callers(number: usize) -> Value {
    let store = EmbeddedStore::new(&seeds())
        .expect("good seeds")
        .with_clock(clock());
    let ample = r#"{"throttle":{"rate":10000,"burst":10000},"quotas":[{"limit":1000000000,"period":"day"}]}"#;
    let plan = plan(ample);
    let mut callers: Vec<Caller> = (0..number)
        .map(|caller| Caller::Key(format!("key-{caller}")))
        .collect();
    // In an order that no cache foresees.
    fastrand::shuffle(&mut callers);
    let mut decided = 0;
    let mut slice = || slice(&store, &plan, &callers, &mut decided);
    slice();
    json!(
        std::iter::repeat_with(slice)
            .take(SLICES)
            .collect::<Vec<_>>()
    )
}

fn slice(store: &EmbeddedStore, plan: &Plan, callers: &[Caller], decided: &mut usize) -> f64 {
    let (began, before) = (Instant::now(), *decided);
    let deadline = patient();
    while began.elapsed() < SLICE {
        for _ in 0..1000 {
            let now = NOON + i128::try_from(*decided).unwrap_or(0) * 100_000;
            let call = Call {
                caller: &callers[*decided % callers.len()],
                group: None,
                plan,
                route: None,
                cost: 1,
                deadline,
            };
            let decision = charge_embedded_at(store, &call, now).expect("a decision");
            assert_eq!(decision.verdict, Verdict::Allowed);
            *decided += 1;
        }
    }
    f64::from(u32::try_from(*decided - before).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64()
}
