//! The circuit breaker. While a service is down, callers fail fast and the service gets no load.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::call_error::CallError;
use crate::tally::Tally;

pub use crate::tally::{CONSECUTIVE_FAILURES, FAILURES_IN_WINDOW, WINDOW_CALLS};

/// The time that the breaker stays open before it admits a probe.
pub const OPEN_DURATION: Duration = Duration::from_secs(30);
/// The number of successful probes that close the breaker. Probes run one at a time.
pub const SUCCESSES_TO_CLOSE: u32 = 3;

/// The result of a call, as the breaker counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The service responded.
    Success,
    /// The service did not respond, or responded with a server error or a throttle.
    Failure,
    /// The request was at fault (a 4xx other than a throttle). This is not counted.
    ClientError,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls are allowed.
    Closed,
    /// Calls are rejected.
    Open,
    /// One probe at a time is allowed.
    HalfOpen,
}

/// The number of state changes since the breaker was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changes from closed or half-open to open.
    pub opened: u64,
    /// Changes from open to half-open.
    pub half_opened: u64,
    /// Changes from half-open to closed.
    pub closed: u64,
}

/// A circuit breaker for one service. It is shared by reference or `Arc`, and callers pass the
/// time.
///
/// ```
/// use std::time::Instant;
///
/// use aws::{Breaker, Verdict, breaker};
///
/// let breaker = Breaker::new("dynamodb");
/// let now = Instant::now();
/// for _ in 0..breaker::CONSECUTIVE_FAILURES {
///     breaker.permit(now)?.settle(Verdict::Failure, now);
/// }
///
/// assert_eq!(breaker.state(), breaker::State::Open);
/// assert!(breaker.permit(now).is_err());
/// # Ok::<(), aws::CallError>(())
/// ```
#[derive(Debug)]
pub struct Breaker {
    name: Cow<'static, str>,
    inner: Arc<Mutex<Inner>>,
}

/// The breakers of this process, until they are dropped.
static BREAKERS: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Registered {
    name: Cow<'static, str>,
    inner: Weak<Mutex<Inner>>,
}

/// Returns the name and the state at `now` of each breaker of this process. Several breakers can
/// have the same name. A breaker that would admit a probe is half-open.
#[must_use]
pub fn states(now: Instant) -> Vec<(Cow<'static, str>, State)> {
    let breakers = lock(&BREAKERS);
    let states = breakers.iter().filter_map(|breaker| {
        let inner = breaker.inner.upgrade()?;
        let state = lock(&inner).phase.state_at(now);
        Some((breaker.name.clone(), state))
    });
    states.collect()
}

/// Adds a breaker to those of the process, and removes dropped ones.
fn register(name: Cow<'static, str>, inner: &Arc<Mutex<Inner>>) {
    let mut breakers = lock(&BREAKERS);
    breakers.retain(|breaker| breaker.inner.strong_count() > 0);
    breakers.push(Registered {
        name,
        inner: Arc::downgrade(inner),
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// The number of phases so far. A call that began in an earlier phase is not counted in this
    /// one.
    generation: u64,
    changes: Changes,
    /// True if failures of calls that overlap in time count each.
    counts_each_failure: bool,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed(Tally),
    Open { since: Instant },
    HalfOpen { successes: u32, probing: bool },
}

impl Breaker {
    /// Returns a closed breaker. `name` is the service's name in logs and metrics.
    ///
    /// Failures of calls that overlap in time count once.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self::counting(name.into(), false)
    }

    /// Returns a closed breaker that counts each failure, also of calls that overlap in time. For a
    /// service with a limit of concurrent calls: if it hangs under load, all calls overlap.
    #[must_use]
    pub fn counting_each_failure(name: impl Into<Cow<'static, str>>) -> Self {
        Self::counting(name.into(), true)
    }

    fn counting(name: Cow<'static, str>, counts_each_failure: bool) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            phase: Phase::Closed(Tally::EMPTY),
            generation: 0,
            changes: Changes::default(),
            counts_each_failure,
        }));
        register(name.clone(), &inner);
        Self { name, inner }
    }

    /// Requests a permit for one call.
    ///
    /// # Errors
    /// [`CallError::BreakerOpen`] if the breaker is open or another probe is in progress.
    pub fn permit(&self, now: Instant) -> Result<Permit<'_>, CallError> {
        let mut inner = self.lock();
        if let Phase::Open { since } = inner.phase {
            let retry_in = OPEN_DURATION.saturating_sub(now.saturating_duration_since(since));
            if !retry_in.is_zero() {
                return Err(self.refusal(retry_in));
            }

            inner.enter(
                &self.name,
                Phase::HalfOpen {
                    successes: 0,
                    probing: false,
                },
            );
        }

        if let Phase::HalfOpen { probing, .. } = &mut inner.phase
            && std::mem::replace(probing, true)
        {
            return Err(self.refusal(Duration::ZERO));
        }

        let generation = inner.generation;
        Ok(Permit {
            breaker: self,
            generation,
            began: now,
            is_settled: false,
        })
    }

    fn refusal(&self, retry_in: Duration) -> CallError {
        CallError::BreakerOpen {
            name: self.name.clone(),
            retry_in,
        }
    }

    /// Returns the state. An open breaker becomes half-open on the next request for a permit.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().phase.state()
    }

    /// True if a permit would be refused at `now` because the breaker is open. It may also be refused
    /// while a probe is in progress.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        self.lock().phase.state_at(now) == State::Open
    }

    /// Returns the number of state changes.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.lock().changes
    }

    /// Returns the service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Ends a call. `outcome` is the verdict and the end of the call, or `None` if it was
    /// cancelled.
    fn settle(&self, generation: u64, began: Instant, outcome: Option<(Verdict, Instant)>) {
        let mut inner = self.lock();
        if inner.generation != generation {
            return;
        }

        if let Phase::HalfOpen { probing, .. } = &mut inner.phase {
            *probing = false;
        }
        if let Some((verdict, ended)) = outcome {
            inner.count(&self.name, verdict, began, ended);
        }
    }
}

impl Inner {
    fn count(&mut self, name: &str, verdict: Verdict, began: Instant, ended: Instant) {
        let failed = match verdict {
            Verdict::Success => false,
            Verdict::Failure => true,
            Verdict::ClientError => return,
        };

        let began = (!self.counts_each_failure).then_some(began);
        match &mut self.phase {
            Phase::Closed(tally) => {
                *tally = tally.with(failed, began, ended);
                if tally.trips() {
                    self.enter(name, Phase::Open { since: ended });
                }
            }
            Phase::HalfOpen { .. } if failed => self.enter(name, Phase::Open { since: ended }),
            Phase::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= SUCCESSES_TO_CLOSE {
                    self.enter(name, Phase::Closed(Tally::EMPTY));
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn enter(&mut self, name: &str, phase: Phase) {
        let (from, to) = (self.phase.state(), phase.state());
        self.phase = phase;
        self.generation += 1;

        match to {
            State::Open => self.changes.opened += 1,
            State::HalfOpen => self.changes.half_opened += 1,
            State::Closed => self.changes.closed += 1,
        }
        tracing::warn!(
            breaker = name,
            ?from,
            ?to,
            opened = self.changes.opened,
            "circuit breaker changed its state"
        );
    }
}

impl Phase {
    /// Returns the state that a request for a permit would find.
    fn state_at(self, now: Instant) -> State {
        match self {
            Self::Open { since } if now.saturating_duration_since(since) >= OPEN_DURATION => {
                State::HalfOpen
            }
            other => other.state(),
        }
    }

    const fn state(&self) -> State {
        match self {
            Self::Closed(_) => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

/// Permission to make one call.
///
/// A permit that is dropped without a verdict belongs to a cancelled call, which is not counted. A
/// caller that stops at its deadline must settle the permit with [`Verdict::Failure`].
#[derive(Debug)]
#[must_use = "a permit that is not settled is not counted"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    began: Instant,
    is_settled: bool,
}

impl Permit<'_> {
    /// Reports the result of the call to the breaker.
    pub fn settle(mut self, verdict: Verdict, now: Instant) {
        self.is_settled = true;
        self.breaker
            .settle(self.generation, self.began, Some((verdict, now)));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.breaker.settle(self.generation, self.began, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    #[test]
    fn states_are_those_of_all_breakers_until_they_are_dropped() {
        let of_test = |now| -> Vec<_> {
            let states = states(now).into_iter();
            states.filter(|(name, _)| *name == "states-test").collect()
        };
        let (first, second) = (Breaker::new("states-test"), Breaker::new("states-test"));
        let now = Instant::now();
        for _ in 0..CONSECUTIVE_FAILURES {
            second.permit(now).unwrap().settle(Verdict::Failure, now);
        }
        let expected = [State::Closed, State::Open].map(|state| ("states-test".into(), state));
        assert_eq!(of_test(now), expected);
        let expected = [State::Closed, State::HalfOpen].map(|state| ("states-test".into(), state));
        assert_eq!(of_test(now + OPEN_DURATION), expected);

        drop(second);
        assert_eq!(of_test(now), [("states-test".into(), State::Closed)]);
        drop(first);
        assert_eq!(of_test(now), []);
    }

    #[test]
    fn each_state_change_is_logged_once() {
        let log = TestLog::default();
        let _guard = log.subscribe();
        let (breaker, now) = (Breaker::new("dynamodb"), Instant::now());

        let call = |verdict, now| breaker.permit(now).unwrap().settle(verdict, now);
        [Verdict::Failure; 5]
            .into_iter()
            .for_each(|verdict| call(verdict, now));
        [Verdict::Success; 3]
            .into_iter()
            .for_each(|verdict| call(verdict, now + OPEN_DURATION));

        let lines = log.json_lines();
        let to: Vec<_> = lines
            .iter()
            .map(|line| line["fields"]["to"].as_str())
            .collect();
        assert_eq!(to, [Some("Open"), Some("HalfOpen"), Some("Closed")]);
        assert!(
            lines
                .iter()
                .all(|line| line["fields"]["breaker"] == "dynamodb")
        );
    }
}
