//! The dialogue of a charge with the store, without I/O: the next write, and the meaning of its
//! outcome.
//!
//! A bucket is idle (full: `tat` is absent or not after `now`) or busy. DynamoDB has no maximum of
//! two numbers, so a write fits one of the two states, and a guess may be wrong. The caller's own
//! bucket has a pair of numbers instead, so that most writes fit both states: see
//! [`tat_pair`](super::tat_pair).
//!
//! `now` stays the same for all writes of an attempt. A bucket that was found busy then stays busy,
//! and each wrong guess settles one bucket. After at most as many wrong guesses as there are buckets,
//! and one more if a remembered pair is gone, a write decides. If the clock were read again in
//! between, calls of an ample plan could be refused.

use arrayvec::ArrayVec;
use jiff::civil::Date;
use limits::Bucket;
use limits::Position;
use limits::{
    Caller, Decision, Demand, Nanos, Plan, SECOND, SlidingWindow, Usage, Verdict, Window,
};

use super::expression::Clause;
use super::memory::CallerMemory;
use super::tat_pair::{self, PairCharge, PairForm, PairNames};
use super::usage_item::{
    self, UsageItem, bucket_name, day_name, extra_name, month_name, slot_name, window_name,
};

const DAY: Nanos = 86_400 * SECOND;
/// How long the usage of a key is kept, for reports. Usage of an address is kept while it matters.
pub(super) const KEY_USAGE_LIFETIME: Nanos = 400 * DAY;
const ADDRESS_USAGE_LIFETIME: Nanos = 2 * DAY;

/// The assumed state of a sliding window's slot or of a bucket without a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    Idle,
    Busy,
}

/// The kind of write for a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BucketWrite {
    /// A bucket with one number.
    Single(Branch),
    /// A bucket with a pair, and the margin of its ceiling.
    Pair(PairForm, Nanos),
}

/// The assumed state of the item, until a write is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guess {
    /// One entry per bucket.
    buckets: ArrayVec<BucketWrite, MAX_BUCKETS>,
    sliding: Option<SlidingGuess>,
}

/// The assumed state of a sliding window: whether its present slot has begun, and the greatest
/// count of the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlidingGuess {
    position: Position,
    branch: Branch,
}

/// The dialogue of one attempt.
#[derive(Debug)]
pub(super) struct ChargeDialogue<'d, 'p> {
    demand: &'d Demand<'p>,
    guess: Guess,
    writes_left: usize,
}

/// The caller's bucket and the bucket of the route.
const MAX_BUCKETS: usize = 2;
/// Additional writes for a bucket with a pair. The release before may charge it meanwhile, or a
/// remembered pair may be gone from the item.
const LOST_PAIR_WRITES: usize = 1;
/// Additional writes for a sliding window: others may begin it, and a slow clock may still charge
/// the previous one.
const SLIDING_WRITES: usize = 4;
/// The allowance for growth of the previous window: a fraction of its count, and a number of calls.
const LEEWAY: (Nanos, Nanos) = (8, 16);

/// The meaning of a refused write.
#[derive(Debug)]
pub(super) enum Step {
    /// A guess was wrong. The next write has a better one.
    Again,
    /// A limit refuses the call.
    Denied(Box<Decision>),
    /// The store contradicts itself: something other than a charge changed the item.
    Contradiction,
}

impl<'d, 'p> ChargeDialogue<'d, 'p> {
    /// Begins with the known usage. A bucket is assumed busy only if its `tat` is after `now`. Only
    /// a clamp reduces a `tat`, so that this guess is never wrong.
    pub(super) fn new(demand: &'d Demand<'p>, known: &CallerMemory) -> Self {
        let guess = Guess::of(demand, &known.usage, |bucket| {
            match usage_item::pair_of(&known.pairs, bucket) {
                Some(_) => known.busy.likely_form(),
                None => PairForm::Restart,
            }
        });
        let sliding = guess.sliding.map_or(0, |_| SLIDING_WRITES);
        let has_pair = |write: &BucketWrite| matches!(write, BucketWrite::Pair(..));
        let lost = if guess.buckets.iter().any(has_pair) {
            LOST_PAIR_WRITES
        } else {
            0
        };
        Self {
            demand,
            writes_left: guess.buckets.len() + sliding + lost,
            guess,
        }
    }

    /// Returns the next write.
    pub(super) fn clauses(&self, caller: &Caller) -> Vec<Clause> {
        let demand = self.demand;
        let buckets = demand.buckets().zip(&self.guess.buckets);
        let mut clauses: Vec<Clause> = buckets
            .filter_map(|(bucket, write)| bucket_clause(demand, bucket, *write))
            .collect();
        if let Some((window, guess)) = demand.sliding().zip(self.guess.sliding) {
            clauses.extend(sliding_clauses(demand, window, guess));
        }

        let by = Nanos::from(demand.cost());
        for (quota, window) in demand.windows() {
            let attribute = window_name(window.id);
            clauses.push(match quota.is_hard {
                true => Clause::Quota {
                    attribute,
                    by,
                    most: Nanos::from(quota.limit) - by,
                },
                false => Clause::Count { attribute, by },
            });
        }
        if let Some(today) = demand.report_day().filter(|_| demand.is_call()) {
            clauses.extend(report_clauses(demand, today));
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

    /// Returns the meaning of a write whose condition was not met by the item `seen`.
    pub(super) fn refused(&mut self, item: &UsageItem) -> Step {
        let seen = &item.usage;
        let decision = self.demand.evaluate(seen);
        if decision.verdict != Verdict::Allowed {
            return Step::Denied(Box::new(decision));
        }
        let guess = Guess::seen(self.demand, item).with_leeway(self.demand, seen);
        if self.writes_left == 0 || guess == self.guess {
            return Step::Contradiction;
        }
        self.writes_left -= 1;
        self.guess = guess;
        Step::Again
    }

    /// Returns the decision of a write that was made. `after` is the usage after it.
    pub(super) fn charged(&self, after: &Usage) -> Decision {
        self.demand.standing(Verdict::Allowed, after)
    }
}

impl Guess {
    /// `unless_busy` returns the form for a bucket with a pair that is not known to be busy.
    fn of(demand: &Demand<'_>, usage: &Usage, unless_busy: impl Fn(u64) -> PairForm) -> Self {
        let busy = |is_busy| if is_busy { Branch::Busy } else { Branch::Idle };
        let is_ahead = |bucket: &Bucket| usage.tat(bucket.id).is_some_and(|tat| tat > demand.now());
        let bucket_write = |bucket: &Bucket| match pair_margin(demand, bucket) {
            Some(margin) if is_ahead(bucket) => {
                BucketWrite::Pair(PairForm::Advance { swap: false }, margin)
            }
            Some(margin) => BucketWrite::Pair(unless_busy(bucket.id), margin),
            None => BucketWrite::Single(busy(is_ahead(bucket))),
        };
        let sliding = demand.sliding().map(|window| {
            let position = window.position(usage, demand.now());
            let is_begun = usage
                .slot(window.slots_at(position.start).0)
                .is_some_and(|value| value >= position.start);
            // The count decides nothing here, because the condition of the write does.
            SlidingGuess {
                position: Position {
                    current: 0,
                    ..position
                },
                branch: busy(is_begun),
            }
        });
        Self {
            buckets: demand.buckets().map(bucket_write).collect(),
            sliding,
        }
    }

    /// Returns the writes that fit an item. A bucket that is busy stays busy. For an idle one,
    /// `Restart` fits until the bucket is busy.
    fn seen(demand: &Demand<'_>, item: &UsageItem) -> Self {
        let mut guess = Self::of(demand, &item.usage, |_| PairForm::Restart);
        for (bucket, write) in demand.buckets().zip(&mut guess.buckets) {
            let pair = usage_item::pair_of(&item.pairs, bucket.id);
            if let (BucketWrite::Pair(PairForm::Advance { swap }, _), Some(pair)) = (write, pair) {
                *swap = pair.newer > pair.older;
            }
        }
        guess
    }
}

impl Guess {
    /// Allows for growth of a previous window that others still charge, if the call fits then, too.
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

/// Returns the counters of reports: the units and calls of the day, and the calls of the month. They
/// are parts of the charge, so that they are exact.
fn report_clauses(demand: &Demand<'_>, today: Date) -> Vec<Clause> {
    let (units, calls) = (Nanos::from(demand.cost()), Nanos::from(demand.calls()));
    let count = |attribute, by| Clause::Count { attribute, by };

    let mut clauses = vec![
        count(day_name(today), units),
        count(month_name(today), calls),
    ];
    if units != calls {
        clauses.push(count(extra_name(today), units - calls));
    }
    clauses
}

/// Returns the conditions on both slots: the present one is continued, or begun if it belongs to an
/// ended window, and the previous one is within the assumed count.
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
        // The slot of an ended window is below `latest`, too.
        _ if has_room && !demand.is_call() => Clause::AtMost {
            attribute,
            most: latest,
        },
        // Both bounds together refuse every item, so that the write returns the item.
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

/// Returns the margin of the ceiling if the bucket has a pair: the caller's own bucket has one, unless
/// it is small. An item would not have the space for a pair of each route.
fn pair_margin(demand: &Demand<'_>, bucket: &Bucket) -> Option<Nanos> {
    let own = demand.plan().bucket.as_ref()?;
    let emission = bucket.emission_for(0).filter(|_| own.id == bucket.id)?;
    tat_pair::margin(bucket, emission)
}

fn bucket_clause(demand: &Demand<'_>, bucket: &Bucket, write: BucketWrite) -> Option<Clause> {
    let emission = bucket.emission_for(demand.cost())?;
    let (attribute, now) = (bucket_name(bucket.id), demand.now());
    let by = emission * Nanos::from(demand.cost());
    let latest = now + bucket.depth(emission) - by;

    if !demand.charges(bucket) {
        let (names, most) = (PairNames::of(bucket.id), latest);
        return Some(match write {
            BucketWrite::Single(_) => Clause::AtMost { attribute, most },
            BucketWrite::Pair(..) => Clause::PairAtMost { names, most },
        });
    }

    Some(match write {
        BucketWrite::Single(Branch::Idle) => Clause::Idle {
            attribute,
            now,
            tat: now + by,
        },
        BucketWrite::Single(Branch::Busy) => Clause::Busy {
            attribute,
            now,
            by,
            latest,
        },
        BucketWrite::Pair(form, margin) => Clause::Pair(PairCharge {
            names: PairNames::of(bucket.id),
            form,
            now,
            by,
            latest,
            margin,
        }),
    })
}

/// True if the item of a caller never expires under a plan. A quota without an end never resets, so
/// the item of a key, a group or a plan stays until the key is deleted. The item of another caller,
/// of which no record exists, stays as long as usage.
pub(super) fn is_kept(plan: &Plan, caller: &Caller) -> bool {
    let is_registered = matches!(caller, Caller::Key(_) | Caller::Plan(_) | Caller::Group(_));
    is_registered && plan.has_endless_quota()
}

/// Returns the instant after which nothing in the item matters. The plan decides whether there is
/// one, because a query for usage is charged to no quota.
fn expiry(demand: &Demand<'_>, caller: &Caller) -> Nanos {
    if is_kept(demand.plan(), caller) {
        return Window::NEVER;
    }

    let full = demand
        .buckets()
        .filter_map(|bucket| Some(demand.now() + bucket.depth(bucket.emission_for(0)?)));
    let windows = demand
        .windows()
        .iter()
        .filter(|(_, window)| !window.is_endless())
        .map(|(_, window)| window.end);
    let kept = match caller {
        Caller::Address { .. } => ADDRESS_USAGE_LIFETIME,
        _ => KEY_USAGE_LIFETIME,
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
