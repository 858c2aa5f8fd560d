//! Decisions per second of the embedded store, on one core.

use std::time::{Duration, Instant};

use aws::Deadline;
use limits::{Caller, Plan, SECOND, Verdict};
use store::{Call, EmbeddedStore};
use testing::store_time::{charge_embedded_at, clock};
use testing::stores::{NOON, patient, plan, seeds};

/// One limit, as comparable crates have. It admits all calls.
const ONE_LIMIT: &str = r#"{"throttle":{"rate":1000000,"burst":100000000}}"#;
const TWO_LIMITS: &str = r#"{"throttle":{"rate":1000000,"burst":100000000},
    "quotas":[{"limit":100000000000,"period":"day"}]}"#;
const BATCH: usize = 1000;
const CALLERS: usize = 1000;
const SLICES: usize = 10;
const SLICE: Duration = Duration::from_millis(200);

/// Decisions a second on a plan with a bucket and a quota that admits all of a thousand callers'
/// calls, and on one that admits hardly any. The best of ten slices, because the machine does other
/// things too.
pub(crate) fn decisions_a_second() -> [f64; 2] {
    let ample = plan(
        r#"{"throttle":{"rate":10000,"burst":10000},"quotas":[{"limit":1000000000,"period":"day"}]}"#,
    );
    let tight =
        plan(r#"{"throttle":{"rate":0.001,"burst":5},"quotas":[{"limit":100,"period":"day"}]}"#);
    [(ample, true), (tight, false)].map(|(plan, admits)| best_slice(&plan, admits))
}

fn best_slice(plan: &Plan, admits: bool) -> f64 {
    let store = EmbeddedStore::new(&seeds())
        .expect("good seeds")
        .with_clock(clock());
    let callers: Vec<Caller> = (0..CALLERS)
        .map(|n| Caller::Key(format!("key-{n}")))
        .collect();
    let mut decisions = 0;
    let slices = std::iter::repeat_with(|| slice(&store, plan, admits, &callers, &mut decisions));
    slices.take(SLICES).fold(0.0, f64::max)
}

/// The callers in turn, a microsecond between two calls.
fn slice(
    store: &EmbeddedStore,
    plan: &Plan,
    admits: bool,
    callers: &[Caller],
    decisions: &mut i128,
) -> f64 {
    let (began, mut count, mut unlike) = (Instant::now(), 0_u32, 0_u32);
    let deadline = patient();
    while began.elapsed() < SLICE {
        for caller in callers {
            *decisions += 1;
            let now = NOON + *decisions * SECOND / 1_000_000;
            let call = call(caller, plan, deadline);
            let decision = charge_embedded_at(store, &call, now).expect("a decision");
            unlike += u32::from((decision.verdict == Verdict::Allowed) != admits);
            count += 1;
        }
    }
    assert!(unlike < count / 10, "{unlike} of {count} decisions");
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn call<'c>(caller: &'c Caller, plan: &'c Plan, deadline: Deadline) -> Call<'c> {
    Call {
        caller,
        group: None,
        plan,
        route: None,
        cost: 1,
        deadline,
    }
}

/// Returns the decisions per second in each slice, of `number` callers in a random order. The plan
/// has a token bucket, and with `limits` of 2 a quota in addition. The store reads its own clock.
pub(crate) fn rates(number: usize, limits: usize) -> Vec<f64> {
    let store = EmbeddedStore::new(&seeds()).expect("good seeds");
    let plan = plan(if limits == 1 { ONE_LIMIT } else { TWO_LIMITS });
    let callers = shuffled(number);

    let mut next = callers.iter().cycle();
    let mut slice = || rate(&store, &plan, &mut next);
    slice();
    std::iter::repeat_with(slice).take(SLICES).collect()
}

/// Returns the callers in an order that no cache foresees. Their ids are in memory in this order,
/// because a request brings its id along.
fn shuffled(number: usize) -> Vec<Caller> {
    let mut order: Vec<usize> = (0..number).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let caller = |number: usize| Caller::Key(format!("key-{number}"));
    order.into_iter().map(caller).collect()
}

fn rate<'c>(
    store: &EmbeddedStore,
    plan: &Plan,
    callers: &mut impl Iterator<Item = &'c Caller>,
) -> f64 {
    let (began, mut decisions) = (Instant::now(), 0_u32);
    let deadline = patient();
    while began.elapsed() < SLICE {
        for caller in callers.by_ref().take(BATCH) {
            let call = call(caller, plan, deadline);
            let decision = store.charge(&call).expect("a decision");
            assert_eq!(decision.verdict, Verdict::Allowed);
            decisions += 1;
        }
    }
    f64::from(decisions) / began.elapsed().as_secs_f64()
}
