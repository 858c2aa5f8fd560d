//! The charge as a dialogue with the store, without the store: which write to try, and what its
//! answer means.
//!
//! A bucket is idle (full: `tat` absent or not ahead of `now`) or busy. DynamoDB cannot take the
//! greater of two numbers, so a write is for one of the two, and a guess may be wrong. `now` stays
//! the same for the whole decision: then a bucket that was found busy stays busy, each wrong guess
//! settles one bucket for good, and the write after as many wrong guesses as there are buckets
//! decides. Re-reading the clock in between would deny calls of an ample plan.

use limits::Bucket;
use limits::Position;
use limits::day_of;
use limits::{Caller, Decision, Demand, Nanos, SECOND, SlidingWindow, Usage, Verdict};

use super::expression::Clause;
use super::usage_item::{self, bucket_name, day_name, slot_name, window_name};

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

/// What is taken to be true of the item, until a write is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guess {
    /// One a bucket.
    branches: Vec<Branch>,
    sliding: Option<SlidingGuess>,
}

/// A sliding window's present slot is begun or used on, and the previous one holds so much at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlidingGuess {
    position: Position,
    branch: Branch,
}

/// One decision under way.
#[derive(Debug)]
pub(super) struct ChargeDialogue<'d, 'p> {
    demand: &'d Demand<'p>,
    guess: Guess,
    writes_left: usize,
}

/// A sliding window may be begun by another, and the one before it may still be charged by a slow
/// clock.
const SLIDING_WRITES: usize = 4;
/// What the previous window is reckoned to grow by meanwhile, once it has: a part of it, and some
/// calls.
const LEEWAY: (Nanos, Nanos) = (8, 16);

/// What a refused write means.
#[derive(Debug)]
pub(super) enum Step {
    /// A guess was wrong; the next write knows better.
    Again,
    /// A limit does not allow the call.
    Denied(Box<Decision>),
    /// The store contradicts itself: something other than charges changed the item meanwhile.
    Contradiction,
}

impl<'d, 'p> ChargeDialogue<'d, 'p> {
    /// Begins with what is remembered. Busy is guessed only from a `tat` ahead of `now`, which
    /// nothing but a clamp takes back, so that guess is never wrong.
    pub(super) fn new(demand: &'d Demand<'p>, remembered: &Usage) -> Self {
        let guess = Guess::of(demand, remembered);
        let writes_left = guess.branches.len() + guess.sliding.map_or(0, |_| SLIDING_WRITES);
        Self {
            demand,
            guess,
            writes_left,
        }
    }

    /// The write to send next.
    pub(super) fn clauses(&self, caller: &Caller) -> Vec<Clause> {
        let demand = self.demand;
        let buckets = demand.buckets().zip(&self.guess.branches);
        let mut clauses: Vec<Clause> = buckets
            .filter_map(|(bucket, branch)| bucket_clause(demand, bucket, *branch))
            .collect();
        if let Some((window, guess)) = demand.sliding().zip(self.guess.sliding) {
            clauses.extend(sliding_clauses(demand, window, guess));
        }

        let by = Nanos::from(demand.cost());
        for (quota, window) in demand.windows() {
            let most = Nanos::from(quota.limit) - by;
            clauses.push(Clause::Quota {
                attribute: window_name(window.id),
                by,
                most,
            });
        }
        if let Some(today) = day_of(demand.now()).filter(|_| demand.is_call()) {
            clauses.push(Clause::Count {
                attribute: day_name(today),
                by,
            });
        }
        clauses.push(Clause::Set {
            attribute: usage_item::VERSION.to_owned(),
            to: usage_item::FORM,
        });
        clauses.push(Clause::Set {
            attribute: usage_item::EXPIRY.to_owned(),
            to: expiry(demand, caller) / SECOND,
        });
        clauses
    }

    /// The write's condition did not hold, the item being as `seen` says.
    pub(super) fn refused(&mut self, seen: &Usage) -> Step {
        let decision = self.demand.evaluate(seen);
        if decision.verdict != Verdict::Allowed {
            return Step::Denied(Box::new(decision));
        }
        let guess = Guess::of(self.demand, seen).with_leeway(self.demand, seen);
        if self.writes_left == 0 || guess == self.guess {
            return Step::Contradiction;
        }
        self.writes_left -= 1;
        self.guess = guess;
        Step::Again
    }

    /// The write happened, and the item is now as `after` says.
    pub(super) fn charged(&self, after: &Usage) -> Decision {
        self.demand.standing(Verdict::Allowed, after)
    }
}

impl Guess {
    fn of(demand: &Demand<'_>, usage: &Usage) -> Self {
        let busy = |is_busy| if is_busy { Branch::Busy } else { Branch::Idle };
        let is_ahead = |bucket: &Bucket| usage.tat(bucket.id).is_some_and(|tat| tat > demand.now());
        let sliding = demand.sliding().map(|window| {
            let position = window.position(usage, demand.now());
            let is_begun = usage
                .slot(window.slots_at(position.start).0)
                .is_some_and(|value| value >= position.start);
            // What has been counted decides nothing here: the write's own condition does.
            SlidingGuess {
                position: Position {
                    current: 0,
                    ..position
                },
                branch: busy(is_begun),
            }
        });
        Self {
            branches: demand
                .buckets()
                .map(|bucket| busy(is_ahead(bucket)))
                .collect(),
            sliding,
        }
    }
}

impl Guess {
    /// Reckons with a previous window that others still charge, where the call fits then, too.
    fn with_leeway(mut self, demand: &Demand<'_>, seen: &Usage) -> Self {
        if let (Some(window), Some(guess)) = (demand.sliding(), &mut self.sliding) {
            let exact = window.position(seen, demand.now());
            let (part, calls) = LEEWAY;
            let previous = exact.previous + exact.previous / part + calls;
            if window.wait(&Position { previous, ..exact }, demand.cost()) == 0 {
                guess.position.previous = previous;
            }
        }
        self
    }
}

/// The present slot is used on, or begun where it is still of a window that is over; and the
/// previous one holds no more than was reckoned with.
fn sliding_clauses(
    demand: &Demand<'_>,
    window: &SlidingWindow,
    guess: SlidingGuess,
) -> [Clause; 2] {
    let (position, by) = (guess.position, Nanos::from(demand.cost()));
    let (slot, previous) = window.slots_at(position.start);
    let (attribute, before) = (slot_name(slot), position.start - 1);
    let latest = window.latest(&position, demand.cost());
    let most = position.start - window.width() + position.previous;
    let has_room = latest >= position.start;

    let present = match guess.branch {
        // The slot of a window that is over is below `latest` as well.
        _ if has_room && !demand.is_call() => Clause::AtMost {
            attribute,
            most: latest,
        },
        // Both bounds together refuse every item, so that the write tells how the item really is.
        _ if !demand.is_call() => {
            let least = Clause::AtLeast {
                attribute: attribute.clone(),
                least: position.start,
            };
            return [
                least,
                Clause::AtMost {
                    attribute,
                    most: latest,
                },
            ];
        }
        Branch::Idle if has_room => Clause::Idle {
            attribute,
            now: before,
            tat: position.start + by,
        },
        _ => Clause::Busy {
            attribute,
            now: before,
            by,
            latest,
        },
    };
    [
        present,
        Clause::AtMost {
            attribute: slot_name(previous),
            most,
        },
    ]
}

fn bucket_clause(demand: &Demand<'_>, bucket: &Bucket, branch: Branch) -> Option<Clause> {
    let emission = bucket.emission_for(demand.cost())?;
    let (attribute, now) = (bucket_name(bucket.id), demand.now());
    let by = emission * Nanos::from(demand.cost());
    let latest = now + bucket.depth(emission) - by;
    if !demand.charges(bucket) {
        return Some(Clause::AtMost {
            attribute,
            most: latest,
        });
    }

    Some(match branch {
        Branch::Idle => Clause::Idle {
            attribute,
            now,
            tat: now + by,
        },
        Branch::Busy => Clause::Busy {
            attribute,
            now,
            by,
            latest,
        },
    })
}

/// When nothing in the item matters any more.
fn expiry(demand: &Demand<'_>, caller: &Caller) -> Nanos {
    let full = demand
        .buckets()
        .filter_map(|bucket| Some(demand.now() + bucket.depth(bucket.emission_for(0)?)));
    let windows = demand.windows().iter().map(|(_, window)| window.end);
    let kept = match caller {
        Caller::Key(_) | Caller::Subject(_) | Caller::Certificate(_) | Caller::Plan(_) => {
            KEPT_FOR_KEYS
        }
        Caller::Address { .. } => KEPT_FOR_ADDRESSES,
    };
    let sliding = demand
        .sliding()
        .into_iter()
        .map(|window| demand.now() + 2 * window.width());
    full.chain(windows)
        .chain(sliding)
        .fold(demand.now(), Nanos::max)
        + kept
}

#[cfg(test)]
mod tests;
