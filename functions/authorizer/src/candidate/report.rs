//! The log of comparisons: a line for each difference, up to a rate, and counts once per minute.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::difference::PolicyDecision;
use crate::event::Request;

/// The period of the counts.
const PERIOD: SignedDuration = SignedDuration::from_mins(1);
/// The most differences that an instance logs per period. The others are only counted.
const MAX_LINES_PER_PERIOD: u64 = 20;

/// The comparisons of a candidate.
#[derive(Default)]
pub(super) struct Report {
    counts: Mutex<Counts>,
}

/// The comparisons since `started_at`.
#[derive(Clone, Copy, Default)]
struct Counts {
    started_at: Option<Timestamp>,
    evaluated: u64,
    differs: u64,
    unknown: u64,
}

impl Report {
    /// Counts a request on which the decision of the candidate is unknown.
    pub(super) fn unknown(&self, now: Timestamp) {
        let mut counts = self.period_at(now);
        counts.evaluated += 1;
        counts.unknown += 1;
    }

    /// Counts a comparison, and logs a difference.
    pub(super) fn compared(
        &self,
        active: &PolicyDecision<'_>,
        candidate: &PolicyDecision<'_>,
        request: &Request<'_>,
        now: Timestamp,
    ) {
        let differences = active.differences(candidate);
        let mut counts = self.period_at(now);
        counts.evaluated += 1;
        if differences.is_empty() {
            return;
        }

        counts.differs += 1;
        let is_logged = counts.differs <= MAX_LINES_PER_PERIOD;
        drop(counts);
        if is_logged {
            log_difference(active, candidate, request, &differences);
        }
    }

    /// Logs the counts of the current period, and starts another one.
    pub(super) fn flush(&self) {
        std::mem::take(&mut *self.lock()).log();
    }

    /// Returns the counts of the period of `now`. A period that has ended is logged. Ages are
    /// absolute, so that a clock that is set back does not stop the log.
    fn period_at(&self, now: Timestamp) -> MutexGuard<'_, Counts> {
        let mut counts = self.lock();
        let has_ended = |started_at: Timestamp| now.duration_since(started_at).abs() >= PERIOD;
        if counts.started_at.is_some_and(has_ended) {
            std::mem::take(&mut *counts).log();
        }

        counts.started_at.get_or_insert(now);
        counts
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Counts {
    fn log(self) {
        if self.evaluated == 0 {
            return;
        }
        // The metrics publisher counts the lines with this `event`.
        tracing::info!(
            event = "candidate_decisions",
            evaluated = self.evaluated,
            differs = self.differs,
            unknown = self.unknown,
            unlogged = self.differs.saturating_sub(MAX_LINES_PER_PERIOD),
            "candidate decisions counted"
        );
    }
}

fn log_difference(
    active: &PolicyDecision<'_>,
    candidate: &PolicyDecision<'_>,
    request: &Request<'_>,
    differences: &str,
) {
    tracing::info!(
        request_id = request.id.as_deref(),
        differences,
        rule = active.rule,
        outcome = active.outcome,
        reason = active.reason.as_str(),
        plan = active.logged_plan(),
        cost = active.cost,
        candidate_rule = candidate.rule,
        candidate_outcome = candidate.outcome,
        candidate_reason = candidate.reason.as_str(),
        candidate_plan = candidate.logged_plan(),
        candidate_cost = candidate.cost,
        "candidate decision differs"
    );
}
