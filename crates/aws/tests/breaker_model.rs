//! The circuit breaker compared with a simple model that keeps the whole history.

use std::time::{Duration, Instant};

use aws::breaker::State;
use aws::{Breaker, Permit, Verdict};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Requests a permit.
    Begin,
    /// Ends the n-th call in progress.
    End(usize, Verdict),
    /// Cancels the n-th call in progress.
    Cancel(usize),
    /// Advances the clock by milliseconds.
    Wait(u64),
}

#[derive(Default)]
struct Model {
    now_ms: u64,
    era: u32,
    history: Vec<bool>,
    opened_at: Option<u64>,
    probes: Option<Vec<bool>>,
    probing: bool,
    /// The start and end of each counted failure.
    failures: Vec<(u64, u64)>,
}

impl Model {
    fn state(&self) -> State {
        match (&self.probes, self.opened_at) {
            (Some(_), _) => State::HalfOpen,
            (None, Some(_)) => State::Open,
            (None, None) => State::Closed,
        }
    }

    /// Returns the era in which the call begins, or `None` if it is rejected.
    fn begin(&mut self) -> Option<u32> {
        if let (State::Open, Some(at)) = (self.state(), self.opened_at) {
            if self.now_ms < at + 30_000 {
                return None;
            }
            (self.probes, self.era) = (Some(Vec::new()), self.era + 1);
        }
        if self.state() == State::HalfOpen && std::mem::replace(&mut self.probing, true) {
            return None;
        }
        Some(self.era)
    }

    fn end(&mut self, (era, began): (u32, u64), verdict: Option<Verdict>) {
        if era != self.era {
            return;
        }
        self.probing = false;
        let failed = match verdict {
            Some(Verdict::Success) => false,
            Some(Verdict::Failure) => true,
            _ => return,
        };
        match &mut self.probes {
            Some(_) if failed => self.open(),
            Some(probes) => {
                probes.push(true);
                if probes.len() == 3 {
                    *self = Self {
                        now_ms: self.now_ms,
                        era: self.era + 1,
                        ..Self::default()
                    };
                }
            }
            None if failed && self.failures.iter().any(|(_, ended)| began < *ended) => {}
            None => {
                if failed {
                    self.failures.push((began, self.now_ms));
                }
                self.history.push(failed);
                let fails_in_a_row = self
                    .history
                    .iter()
                    .rev()
                    .take_while(|failed| **failed)
                    .count()
                    >= 5;
                let last: Vec<_> = self.history.iter().rev().take(10).collect();
                if fails_in_a_row
                    || (last.len() == 10 && last.iter().filter(|failed| ***failed).count() >= 5)
                {
                    self.open();
                }
            }
        }
    }

    fn open(&mut self) {
        *self = Self {
            now_ms: self.now_ms,
            era: self.era + 1,
            opened_at: Some(self.now_ms),
            ..Self::default()
        };
    }
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Success),
        4 => Just(Verdict::Failure),
        1 => Just(Verdict::ClientError)
    ];
    prop_oneof![
        6 => Just(Step::Begin),
        6 => (0usize..8, verdict).prop_map(|(nth, verdict)| Step::End(nth, verdict)),
        1 => (0usize..4).prop_map(Step::Cancel),
        4 => (1u64..5).prop_map(Step::Wait),
        1 => prop_oneof![0u64..100, 29_990u64..30_010].prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn breaker_matches_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let (breaker, start) = (Breaker::new("model"), Instant::now());
        let mut model = Model::default();
        let mut calls: Vec<(Permit<'_>, (u32, u64))> = Vec::new();
        for step in steps {
            let now = start + Duration::from_millis(model.now_ms);
            match step {
                Step::Begin => {
                    let (permit, era) = (breaker.permit(now).ok(), model.begin());
                    prop_assert_eq!(permit.is_some(), era.is_some());
                    calls.extend(permit.zip(era.map(|era| (era, model.now_ms))));
                }
                Step::End(nth, verdict) if nth < calls.len() => {
                    let (permit, call) = calls.remove(nth);
                    permit.settle(verdict, now);
                    model.end(call, Some(verdict));
                }
                Step::Cancel(nth) if nth < calls.len() => {
                    let (permit, call) = calls.remove(nth);
                    drop(permit);
                    model.end(call, None);
                }
                Step::Wait(ms) => model.now_ms += ms,
                Step::End(..) | Step::Cancel(_) => {}
            }
            prop_assert_eq!(breaker.state(), model.state());
        }
    }

    /// A stall counts once for any number of calls in any order.
    #[test]
    fn a_stall_counts_as_one_failure(
        stalls in 1u64..8, calls in prop::collection::vec((0u64..200, 0u64..200), 1..40),
    ) {
        let (breaker, start) = (Breaker::new("model"), Instant::now());
        for stall in 0..stalls {
            let at = |ms: u64| start + Duration::from_millis(stall * 1000 + ms);
            // All calls are in progress at 200 ms.
            let mut calls = calls.clone();
            let Ok(permits) = calls.iter().map(|(began, _)| breaker.permit(at(*began))).collect::<Result<Vec<_>, _>>()
            else {
                prop_assert_eq!(stall, 5);
                return Ok(());
            };
            let mut ends: Vec<_> = permits.into_iter().zip(calls.drain(..).map(|(_, after)| 201 + after)).collect();
            ends.sort_by_key(|(_, end)| *end);
            for (permit, end) in ends {
                permit.settle(Verdict::Failure, at(end));
            }
        }
        prop_assert_eq!(breaker.state(), if stalls < 5 { State::Closed } else { State::Open });
    }
}
