//! The `tat` of the caller's own bucket as the greater of two numbers, so that one write fits nearly
//! every state of the bucket.
//!
//! A charge sets `tat` to `max(tat, now) + by`, and DynamoDB has no maximum of two numbers. A write
//! that assumes an idle bucket is refused if the bucket is busy, and the other way round. At 60 % of
//! the rate, one of the two is refused for 40 % of the calls of many instances.
//!
//! The item therefore has two numbers, `older` and `newer`, and `tat` is the greater one. A charge
//! has three numbers to choose from: these two and `now`. It drops one of them and adds `by` to the
//! others. The result is exact unless the dropped number is greater than both others, and the
//! condition of the write excludes this case. A refused write shows which number is the greatest.
//!
//! | form | drops | fits if |
//! |---|---|---|
//! | [`Restart`](PairForm::Restart) | both stored numbers | the bucket is idle |
//! | [`DropOlder`](PairForm::DropOlder) | `older` | `older` is at most `newer` or `now` |
//! | [`DropNewer`](PairForm::DropNewer) | `newer` | `newer` is at most `older` or `now` |
//! | [`Advance`](PairForm::Advance) | `now` | the bucket is busy |
//!
//! # The release before
//!
//! The release before knows the bucket's attribute alone and takes it for the `tat`. A pair
//! therefore writes an upper bound of the `tat` there, the ceiling, so that such a release never
//! admits too much. The ceiling exceeds the `tat` by at most the [`margin`]. A copy of the ceiling
//! tells whether the pair is valid: the release before changes only the ceiling, and the ceiling is
//! then the `tat`. `Restart` and `Advance` also fit such an item.

use limits::{Bucket, Nanos, SECOND};

use super::usage_item;

/// The greatest margin: this number of tokens or this time, whichever is longer, but not more than
/// this part of the bucket.
const MARGIN_TOKENS: Nanos = 8;
const MARGIN_TIME: Nanos = SECOND / 20;
const MARGIN_PART: Nanos = 8;
/// The limit of every margin. The release before resets a `tat` that is 5 s further ahead than its
/// own clock could write it, and must not take a ceiling for one. Two clocks that were compared with
/// the store's may still differ by 3 s.
const MAX_MARGIN: Nanos = 2 * SECOND;

/// The share of busy calls from which `DropNewer` is refused less often than `DropOlder`. Both
/// curves, over the load of Poisson arrivals from 16 instances, cross there.
const MANY_BUSY: f32 = 0.45;
/// The number of calls over which the share is averaged.
const AVERAGED_CALLS: u8 = 16;
/// The assumed share before the first call.
const ASSUMED_SHARE: f32 = 0.25;

/// The two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TatPair {
    pub(super) older: Nanos,
    pub(super) newer: Nanos,
}

/// The kind of write. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairForm {
    Restart,
    DropOlder,
    DropNewer,
    /// With `swap`, the numbers change places, so that the greater one is the older one.
    Advance {
        swap: bool,
    },
}

/// The charge of a bucket with a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PairCharge {
    pub(super) names: PairNames,
    pub(super) form: PairForm,
    pub(super) now: Nanos,
    pub(super) by: Nanos,
    /// The greatest `tat` that admits the call.
    pub(super) latest: Nanos,
    pub(super) margin: Nanos,
}

/// The attributes of a bucket with a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PairNames {
    pub(super) ceiling: String,
    pub(super) copy: String,
    pub(super) older: String,
    pub(super) newer: String,
}

/// The share of calls that found the bucket busy, as one instance has seen it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BusyShare {
    share: f32,
    calls: u8,
}

impl TatPair {
    /// Returns the `tat`.
    pub(super) fn tat(self) -> Nanos {
        self.older.max(self.newer)
    }
}

impl PairNames {
    pub(super) fn of(bucket: u64) -> Self {
        Self {
            ceiling: usage_item::bucket_name(bucket),
            copy: usage_item::copy_name(bucket),
            older: usage_item::older_name(bucket),
            newer: usage_item::newer_name(bucket),
        }
    }
}

impl PairCharge {
    /// Returns the `tat` of an idle bucket after the charge.
    pub(super) fn idle_tat(&self) -> Nanos {
        self.now + self.by
    }

    /// Returns the ceiling of an idle bucket after the charge.
    pub(super) fn ceiling(&self) -> Nanos {
        self.idle_tat() + self.margin
    }

    /// Returns the greatest number that the ceiling covers and the limit admits.
    pub(super) fn most(&self) -> Nanos {
        self.latest.min(self.now + self.margin)
    }
}

/// Returns the difference that a ceiling may have. `None` for a bucket of so few or so slow tokens
/// that the difference would be less than one of them. Such a bucket has no pair.
pub(super) fn margin(bucket: &Bucket, emission: Nanos) -> Option<Nanos> {
    let greatest = (MARGIN_TOKENS * emission).max(MARGIN_TIME);
    let part = bucket.depth(emission) / MARGIN_PART;
    let margin = greatest.min(part).min(MAX_MARGIN);
    (margin >= emission).then_some(margin)
}

impl Default for BusyShare {
    fn default() -> Self {
        Self {
            share: ASSUMED_SHARE,
            calls: 1,
        }
    }
}

impl BusyShare {
    /// Returns the share after another call.
    pub(super) fn with(self, is_busy: bool) -> Self {
        let calls = (self.calls + 1).min(AVERAGED_CALLS);
        let found = if is_busy { 1.0 } else { 0.0 };
        let share = self.share + (found - self.share) / f32::from(calls);
        Self { share, calls }
    }

    /// Returns the form that is refused least often if the state of the pair is not known.
    pub(super) fn likely_form(self) -> PairForm {
        if self.share < MANY_BUSY {
            PairForm::DropOlder
        } else {
            PairForm::DropNewer
        }
    }
}

#[cfg(test)]
mod tests;
