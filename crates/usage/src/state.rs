//! What a caller has used so far.

use arrayvec::ArrayVec;

use crate::plan::MAX_QUOTAS;
use crate::{Nanos, Window, WindowId};

/// One caller's usage: the `tat` of its buckets and the counts of its quotas' windows. Empty for a caller
/// never seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tats: Vec<(u64, Nanos)>,
    counts: Vec<(Window, u64)>,
}

/// What an allowed call changes: the new `tat` of each bucket, the new count of each window.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    /// The caller's bucket and the route's.
    pub(crate) tats: ArrayVec<(u64, Nanos), 2>,
    pub(crate) counts: ArrayVec<(Window, u64), MAX_QUOTAS>,
}

impl Usage {
    /// What is known of buckets and windows, as a store read it.
    pub(crate) fn new(tats: Vec<(u64, Nanos)>, counts: Vec<(Window, u64)>) -> Self {
        Self { tats, counts }
    }

    /// A bucket's `tat`, where it has been used.
    #[must_use]
    pub fn tat(&self, bucket: u64) -> Option<Nanos> {
        self.tats.iter().find(|(id, _)| *id == bucket).map(|(_, tat)| *tat)
    }

    /// What has been used in a window.
    #[must_use]
    pub fn count(&self, window: WindowId) -> u64 {
        self.counts.iter().find(|(known, _)| known.id == window).map_or(0, |(_, count)| *count)
    }

    /// Whether nothing in it matters any more: every bucket full, every window over.
    #[must_use]
    pub fn is_spent(&self, now: Nanos) -> bool {
        self.tats.iter().all(|(_, tat)| *tat <= now) && self.counts.iter().all(|(window, _)| window.end <= now)
    }

    /// What of it matters at `now`.
    pub(crate) fn current(mut self, now: Nanos) -> Self {
        self.tats.retain(|(_, tat)| *tat > now);
        self.counts.retain(|(window, _)| window.end > now);
        self
    }

    /// Takes a charge over, and forgets what no longer matters, so that a caller's size is bounded.
    pub(crate) fn apply(&mut self, charge: &Charge, now: Nanos) {
        self.tats.retain(|(id, tat)| *tat > now && !charge.tats.iter().any(|(changed, _)| changed == id));
        self.counts.retain(|(window, _)| {
            window.end > now && !charge.counts.iter().any(|(changed, _)| changed.id == window.id)
        });
        self.tats.extend(charge.tats.iter().copied());
        self.counts.extend(charge.counts.iter().copied());
    }
}
