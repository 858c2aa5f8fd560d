//! Limiters that keep everything in this process: decisions per second on one thread, for callers in a random order.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{Quota, RateLimiter as Governor};
use limitador::RateLimiter as Limitador;
use limitador::limit::{Context, Limit};

/// The number of decisions between two looks at the clock.
const BATCH: usize = 1000;
const SLICES: usize = 10;
const SLICE: Duration = Duration::from_millis(200);

/// Of a keyed limiter that admits all.
pub fn governor(number: usize) -> Vec<f64> {
    let most = NonZeroU32::new(1_000_000_000).expect("not 0");
    let limiter = Governor::keyed(Quota::per_second(most));
    slices(&callers(number), |caller| assert!(limiter.check_key(caller).is_ok(), "all pass"))
}

/// Of a limit with one variable, checked and counted in one call.
pub fn limitador(number: usize) -> Vec<f64> {
    let limiter = Limitador::new(number as u64 * 2);
    let caller = "caller".try_into().expect("a variable");
    limiter.add_limit(Limit::new("api", 1_000_000_000, 86_400, vec![], vec![caller]));
    let namespace = "api".into();
    slices(&callers(number), |caller| {
        let values = HashMap::from([("caller".to_owned(), caller.clone())]);
        let context = Context::from(values);
        let checked = limiter.check_rate_limited_and_update(&namespace, &context, 1);
        assert!(!checked.expect("a decision").limited, "all pass");
    })
}

/// Returns the callers in an order that no cache foresees, which is that of Tollgate's benchmark. Their ids are in
/// memory in this order, because a request brings its id along.
fn callers(number: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..number).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    order.into_iter().map(|number| format!("key-{number}")).collect()
}

/// Decisions per second in each slice, after one that does not count.
fn slices(callers: &[String], decide: impl Fn(&String)) -> Vec<f64> {
    let mut next = callers.iter().cycle();
    let mut slice = || {
        let (began, mut count) = (Instant::now(), 0_u32);
        while began.elapsed() < SLICE {
            next.by_ref().take(BATCH).for_each(&decide);
            count += BATCH as u32;
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    };
    slice();
    std::iter::repeat_with(slice).take(SLICES).collect()
}
