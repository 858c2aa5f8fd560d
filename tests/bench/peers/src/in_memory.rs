//! Limiters that keep everything in this process: decisions a second for a thousand callers in turn, on one thread.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{Quota, RateLimiter as Governor};
use limitador::RateLimiter as Limitador;
use limitador::limit::{Context, Limit};

const CALLERS: usize = 1000;
const SLICES: usize = 10;
const SLICE: Duration = Duration::from_millis(200);

/// Of a keyed limiter that admits all.
pub fn governor() -> Vec<f64> {
    let most = NonZeroU32::new(1_000_000_000).expect("not 0");
    let limiter = Governor::keyed(Quota::per_second(most));
    let callers = callers();
    slices(|caller| assert!(limiter.check_key(&callers[caller]).is_ok(), "all pass"))
}

/// Of a limit with one variable, checked and counted in one call.
pub fn limitador() -> Vec<f64> {
    let limiter = Limitador::new(CALLERS as u64 * 2);
    let caller = "caller".try_into().expect("a variable");
    limiter.add_limit(Limit::new("api", 1_000_000_000, 86_400, vec![], vec![caller]));
    let namespace = "api".into();
    let callers = callers();
    slices(|caller| {
        let values = HashMap::from([("caller".to_owned(), callers[caller].clone())]);
        let context = Context::from(values);
        let checked = limiter.check_rate_limited_and_update(&namespace, &context, 1);
        assert!(!checked.expect("a decision").limited, "all pass");
    })
}

fn callers() -> Vec<String> {
    (0..CALLERS).map(|number| format!("key-{number}")).collect()
}

/// Decisions a second in each slice, after one that does not count.
fn slices(decide: impl Fn(usize)) -> Vec<f64> {
    let slice = || {
        let (began, mut count) = (Instant::now(), 0_u32);
        while began.elapsed() < SLICE {
            (0..CALLERS).for_each(&decide);
            count += CALLERS as u32;
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    };
    slice();
    std::iter::repeat_with(slice).take(SLICES).collect()
}
