//! One measurement, told on the command line and printed as JSON: how comparisons with other
//! limiters, which are processes of other languages, call this one.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use aws::Deadline;
use serde_json::{Value, json};

use crate::embedded;
use crate::loads::{Arrivals, load};
use crate::outside::process;
use crate::partition::Partition;
use testing::store_time::StoreAt as _;
use testing::stores::{Subject, TEST_DEADLINE, aws, caller, instance, now, plan};

const DEADLINE: Duration = Duration::from_millis(200);

/// `load URL WORKERS SECONDS LIMIT`, `hang URL`, `hot LEASE SECONDS`, `callers NUMBER LIMITS` or
/// `process URL CALLER WORKERS`; `None` for anything else.
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
        ["callers", number, limits] => {
            json!(embedded::rates(number.parse().ok()?, limits.parse().ok()?))
        }
        ["process", url, caller, workers] => process(url, caller, workers.parse().ok()?).await,
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
