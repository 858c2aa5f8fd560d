//! The requests of the local gateway, as the console shows them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::api::Exchange;
use jiff::Timestamp;

use super::breakers::{Breakers, Change};
use super::figures::{RecentSlots, SLOT_S};
use super::refused::{RecentRefusals, may_be_refused};
use crate::decision_line::DecisionLine;
use crate::overview::{Overview, Range};
use crate::refusals::{Refusal, RefusalPage, RefusalQuery};
use crate::target::RefusalSource;

/// The path of the gateway's own pages and of administration.
const OWN_PATH: &str = "/_tollgate";

/// Figures of the last 15 minutes and the last 1,000 refusals, in memory.
///
/// All together has at most 15 MB, and usually less than 1 MB. A request that is admitted takes one
/// lock, and a refused one two. Each costs about 1 µs, measured with a million requests.
#[derive(Debug)]
pub(super) struct Activity {
    started_at: Timestamp,
    slots: Mutex<RecentSlots>,
    refusals: Mutex<RecentRefusals>,
    breakers: Mutex<Breakers>,
}

impl Activity {
    /// Creates an activity without requests.
    pub(super) fn new() -> Self {
        Self {
            started_at: Timestamp::now(),
            slots: Mutex::default(),
            refusals: Mutex::default(),
            breakers: Mutex::default(),
        }
    }

    /// Counts a request that has ended.
    pub(super) fn record(&self, exchange: &Exchange) {
        let is_api = is_api(exchange);
        if is_api {
            lock(&self.slots).add(exchange, Timestamp::now());
        }
        if may_be_refused(exchange) {
            lock(&self.refusals).end(exchange, is_api);
        }
    }

    /// Stores the authorizer's line about a refused request, which has not ended yet.
    pub(super) fn decided(&self, line: DecisionLine) {
        lock(&self.refusals).expect(line);
    }

    /// Counts a change of a circuit breaker.
    pub(super) fn breaker_changed(&self, change: Change) {
        lock(&self.breakers).change(change, Timestamp::now());
    }

    /// Returns the figures of the 15 minutes before `now`.
    pub(super) fn overview(&self, now: Timestamp) -> Overview {
        let snapshot = lock(&self.slots).snapshot(now);
        let (totals, decisions) = snapshot.totals();

        Overview {
            range: Range::QuarterHour,
            step_s: SLOT_S,
            from: snapshot.from(),
            to: snapshot.to(),
            updated_at: now,
            counted_since: Some(self.started_at).filter(|start| *start > snapshot.from()),
            points: snapshot.points(),
            totals,
            decisions,
            breakers: lock(&self.breakers).states(),
            unknown: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Returns all refusals, the newest first, and whether older ones were forgotten.
    pub(super) fn refusals(&self) -> (Vec<Arc<Refusal>>, bool) {
        lock(&self.refusals).newest_first()
    }

    /// Returns the refusals that a request is for.
    pub(super) fn refusal_page(&self, query: &RefusalQuery) -> RefusalPage {
        let (refusals, is_incomplete) = self.refusals();
        let oldest = refusals.last().map(|refusal| refusal.at);
        let mut matching = refusals.iter().filter(|refusal| query.matches(refusal));
        let items = matching.by_ref().take(query.limit);

        RefusalPage {
            items: items.map(|refusal| Refusal::clone(refusal)).collect(),
            newest_event_at: refusals.first().map(|refusal| refusal.at),
            searched_from: oldest.filter(|_| is_incomplete).unwrap_or(self.started_at),
            is_truncated: matching.next().is_some(),
            source: RefusalSource::Memory,
            missing: Vec::new(),
        }
    }
}

/// True for a request to the API, as opposed to one to the gateway's own pages or to administration.
fn is_api(exchange: &Exchange) -> bool {
    let rest = exchange.path.strip_prefix(OWN_PATH);
    let is_own_path = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !exchange.is_own_page && !is_own_path
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
