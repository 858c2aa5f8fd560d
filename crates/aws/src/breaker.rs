//! The circuit breaker: spares callers the wait while the other side is down, and the other side
//! the calls.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::call_error::CallError;
use crate::tally::Tally;

pub use crate::tally::{CONSECUTIVE_FAILURES, FAILURES_IN_WINDOW, WINDOW_CALLS};

/// How long the breaker stays open before it lets a probe through.
pub const OPEN_DURATION: Duration = Duration::from_secs(30);
/// So many successful probes, one at a time, close it.
pub const SUCCESSES_TO_CLOSE: u32 = 3;

/// How a permitted call ended, as far as the breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The other side answered.
    Success,
    /// It did not, or said that it could not.
    Failure,
    /// The caller was to blame (a 4xx that is no throttling): says nothing about the other side.
    ClientError,
}

/// What a breaker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// One call at a time passes, to find out.
    HalfOpen,
}

/// How often a breaker has changed its state since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Times it opened, from closed or from half-open.
    pub opened: u64,
    /// Times it let the first probe through.
    pub half_opened: u64,
    /// Times it closed.
    pub closed: u64,
}

/// A circuit breaker for one called service. Time is passed in; share it by reference or `Arc`.
#[derive(Debug)]
pub struct Breaker {
    name: &'static str,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Counts phases, so that a call that began in an earlier one changes nothing in this one.
    generation: u64,
    changes: Changes,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed(Tally),
    Open { since: Instant },
    HalfOpen { successes: u32, probing: bool },
}

impl Breaker {
    /// A closed breaker. `name` is the called service's, for logs and metrics.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let phase = Phase::Closed(Tally::EMPTY);
        let changes = Changes {
            opened: 0,
            half_opened: 0,
            closed: 0,
        };
        Self {
            name,
            inner: Mutex::new(Inner {
                phase,
                generation: 0,
                changes,
            }),
        }
    }

    /// Asks for leave to make one call.
    ///
    /// # Errors
    /// [`CallError::BreakerOpen`] while it is open, and while another call is probing. Nothing may
    /// be sent then.
    pub fn permit(&self, now: Instant) -> Result<Permit<'_>, CallError> {
        let mut inner = self.lock();
        if let Phase::Open { since } = inner.phase {
            let retry_in = OPEN_DURATION.saturating_sub(now.saturating_duration_since(since));
            if !retry_in.is_zero() {
                return Err(self.refusal(retry_in));
            }
            inner.enter(
                self.name,
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
            settled: false,
        })
    }

    const fn refusal(&self, retry_in: Duration) -> CallError {
        CallError::BreakerOpen {
            name: self.name,
            retry_in,
        }
    }

    /// What the breaker is doing; open until the first call after its time asks.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().phase.state()
    }

    /// How often it has changed its state.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.lock().changes
    }

    /// The called service's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `outcome` is the verdict and the instant at which the call ended, or `None` if it was
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
            inner.count(self.name, verdict, began, ended);
        }
    }
}

impl Inner {
    fn count(&mut self, name: &'static str, verdict: Verdict, began: Instant, ended: Instant) {
        let failed = match verdict {
            Verdict::Success => false,
            Verdict::Failure => true,
            Verdict::ClientError => return,
        };
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

    fn enter(&mut self, name: &'static str, phase: Phase) {
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
    const fn state(&self) -> State {
        match self {
            Self::Closed(_) => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

/// Leave to make one call. Dropped unsettled (a cancelled call) it counts for nothing, and its
/// place is free again; who gives up at a deadline settles it with [`Verdict::Failure`] first.
#[derive(Debug)]
#[must_use = "a permit is settled with the call's verdict"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    /// When the call began.
    began: Instant,
    settled: bool,
}

impl Permit<'_> {
    /// Tells the breaker how the call ended.
    pub fn settle(mut self, verdict: Verdict, now: Instant) {
        self.settled = true;
        self.breaker
            .settle(self.generation, self.began, Some((verdict, now)));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.settle(self.generation, self.began, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    #[test]
    fn every_change_of_state_is_logged_once_with_the_name() {
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
