//! Decisions a second of the embedded store, on one core.

use std::time::{Duration, Instant};

use usage::{Caller, EmbeddedStore, SECOND, Verdict};

use crate::subject::{NOON, seeds};

const CALLERS: usize = 1000;
const TIME: Duration = Duration::from_secs(2);

/// On a plan with a bucket and a quota, a thousand callers in turn, a microsecond between two calls.
pub(crate) fn decisions_a_second() -> f64 {
    let store = EmbeddedStore::new(&seeds()).expect("good seeds");
    let plan = store.plan("free").expect("the seeds have it");
    let callers: Vec<Caller> = (0..CALLERS).map(|n| Caller::Key(format!("key-{n}"))).collect();
    let (began, mut decisions, mut allowed) = (Instant::now(), 0_u32, 0_u32);
    while began.elapsed() < TIME {
        for caller in &callers {
            let now = NOON + i128::from(decisions) * SECOND / 1_000_000;
            let decision = store.charge(caller, &plan, None, 1, now).expect("a decision");
            allowed += u32::from(decision.verdict == Verdict::Allowed);
            decisions += 1;
        }
    }
    assert!(allowed > 0 && allowed < decisions);
    f64::from(decisions) / began.elapsed().as_secs_f64()
}
