//! The charge as a dialogue with the store, without the store: which write to try, and what its answer means.
//!
//! A bucket is idle (full: `tat` absent or not ahead of `now`) or busy. DynamoDB cannot take the greater of
//! two numbers, so a write is for one of the two, and a guess may be wrong. `now` stays the same for the whole
//! decision: then a bucket that was found busy stays busy, each wrong guess settles one bucket for good, and
//! the write after as many wrong guesses as there are buckets decides. Re-reading the clock in between would
//! deny calls of an ample plan.

use crate::bucket::Bucket;
use crate::calendar::day_of;
use crate::{Caller, Decision, Demand, Nanos, SECOND, Usage, Verdict};

use super::expression::Clause;
use super::usage_item::{self, bucket_name, day_name, window_name};

const DAY: Nanos = 86_400 * SECOND;
/// A key's usage is kept for reports, an address's only while it matters.
pub(super) const KEPT_FOR_KEYS: Nanos = 400 * DAY;
const KEPT_FOR_ADDRESSES: Nanos = 2 * DAY;

/// Which of the two writes a bucket gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    Idle,
    Busy,
}

/// One decision under way.
#[derive(Debug)]
pub(super) struct Charging<'d, 'p> {
    demand: &'d Demand<'p>,
    branches: Vec<Branch>,
    writes_left: usize,
}

/// What a refused write means.
#[derive(Debug)]
pub(super) enum Step {
    /// A guess was wrong; the next write knows better.
    Again,
    /// A limit does not allow the call.
    Denied(Decision),
    /// The store contradicts itself: something other than charges changed the item meanwhile.
    Contradiction,
}

impl<'d, 'p> Charging<'d, 'p> {
    /// Begins with what is remembered. Busy is guessed only from a `tat` ahead of `now`, which nothing but a
    /// clamp takes back, so that guess is never wrong.
    pub(super) fn new(demand: &'d Demand<'p>, remembered: &Usage) -> Self {
        let branches = guess(demand, remembered);
        Self { demand, writes_left: branches.len(), branches }
    }

    /// The write to send next.
    pub(super) fn clauses(&self, caller: &Caller) -> Vec<Clause> {
        let demand = self.demand;
        let buckets = demand.buckets().zip(&self.branches);
        let mut clauses: Vec<Clause> =
            buckets.filter_map(|(bucket, branch)| bucket_clause(demand, bucket, *branch)).collect();
        let by = Nanos::from(demand.cost());
        for (quota, window) in demand.windows() {
            let most = Nanos::from(quota.limit) - by;
            clauses.push(Clause::Quota { attribute: window_name(window.id), by, most });
        }
        if let Some(today) = day_of(demand.now()) {
            clauses.push(Clause::Count { attribute: day_name(today), by });
        }
        clauses.push(Clause::Set { attribute: usage_item::VERSION.to_owned(), to: usage_item::FORM });
        clauses.push(Clause::Set { attribute: usage_item::EXPIRY.to_owned(), to: expiry(demand, caller) / SECOND });
        clauses
    }

    /// The write's condition did not hold, the item being as `seen` says.
    pub(super) fn refused(&mut self, seen: &Usage) -> Step {
        let decision = self.demand.evaluate(seen);
        if decision.verdict != Verdict::Allowed {
            return Step::Denied(decision);
        }
        let branches = guess(self.demand, seen);
        if self.writes_left == 0 || branches == self.branches {
            return Step::Contradiction;
        }
        self.writes_left -= 1;
        self.branches = branches;
        Step::Again
    }

    /// The write happened, and the item is now as `after` says.
    pub(super) fn charged(&self, after: &Usage) -> Decision {
        self.demand.standing(Verdict::Allowed, after)
    }
}

fn guess(demand: &Demand<'_>, usage: &Usage) -> Vec<Branch> {
    let is_busy = |bucket: &Bucket| usage.tat(bucket.id).is_some_and(|tat| tat > demand.now());
    demand.buckets().map(|bucket| if is_busy(bucket) { Branch::Busy } else { Branch::Idle }).collect()
}

fn bucket_clause(demand: &Demand<'_>, bucket: &Bucket, branch: Branch) -> Option<Clause> {
    let emission = bucket.emission_for(demand.cost())?;
    let (attribute, now) = (bucket_name(bucket.id), demand.now());
    let by = emission * Nanos::from(demand.cost());
    Some(match branch {
        Branch::Idle => Clause::Idle { attribute, now, tat: now + by },
        Branch::Busy => Clause::Busy { attribute, now, by, latest: now + bucket.depth(emission) - by },
    })
}

/// When nothing in the item matters any more.
fn expiry(demand: &Demand<'_>, caller: &Caller) -> Nanos {
    let full = demand.buckets().filter_map(|bucket| Some(demand.now() + bucket.depth(bucket.emission_for(0)?)));
    let windows = demand.windows().iter().map(|(_, window)| window.end);
    let kept = match caller {
        Caller::Key(_) | Caller::Subject(_) | Caller::Certificate(_) | Caller::Plan(_) => KEPT_FOR_KEYS,
        Caller::Address { .. } => KEPT_FOR_ADDRESSES,
    };
    full.chain(windows).fold(demand.now(), Nanos::max) + kept
}

#[cfg(test)]
mod tests;
