//! What a caller has used so far.

use arrayvec::ArrayVec;

use crate::plan_bounds::MAX_QUOTAS;
use crate::sliding::SLOT_LIFETIME;
use crate::{Nanos, Window, WindowId};

/// One caller's usage: the `tat` of its buckets and the counts of its quotas' windows. Empty for a
/// caller never seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tats: Vec<(u64, Nanos)>,
    /// Slots of sliding windows.
    slots: Vec<(u64, Nanos)>,
    counts: Vec<Count>,
    grants: Vec<GrantedCalls>,
}

/// What was taken from one window, less what was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The window.
    pub window: WindowId,
    /// When the window is over.
    pub end: Nanos,
    /// Below 0 where more was granted than used.
    pub net: i64,
}

/// What was granted in one window, below 0 where more was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedCalls {
    /// The window.
    pub window: WindowId,
    /// When the window is over.
    pub end: Nanos,
    /// The number of granted calls, below 0 if more were cut.
    pub amount: i64,
}

/// What an allowed call changes: the new `tat` of each bucket, the new count of each window.
#[derive(Debug, Default)]
pub struct Charge {
    /// The caller's bucket and the route's.
    pub tats: ArrayVec<(u64, Nanos), 2>,
    /// The sliding window's present slot.
    pub slot: Option<(u64, Nanos)>,
    /// The new count of each quota's window.
    pub counts: ArrayVec<Count, MAX_QUOTAS>,
}

impl Count {
    /// Returns the count of a window.
    pub fn of(window: &Window, net: i64) -> Self {
        Self {
            window: window.id,
            end: window.end,
            net,
        }
    }
}

impl Usage {
    /// What is known of buckets and windows, as a store read it.
    pub fn new(tats: Vec<(u64, Nanos)>, counts: Vec<Count>) -> Self {
        Self {
            tats,
            counts,
            ..Self::default()
        }
    }

    /// The same with slots of sliding windows.
    pub fn with_slots(self, slots: Vec<(u64, Nanos)>) -> Self {
        Self { slots, ..self }
    }

    /// The same with what was granted.
    pub fn with_grants(self, grants: Vec<GrantedCalls>) -> Self {
        Self { grants, ..self }
    }

    /// A bucket's `tat`, where it has been used.
    #[must_use]
    pub fn tat(&self, bucket: u64) -> Option<Nanos> {
        self.tats
            .iter()
            .find(|(id, _)| *id == bucket)
            .map(|(_, tat)| *tat)
    }

    /// A sliding window's slot, where it has been used.
    #[must_use]
    pub fn slot(&self, slot: u64) -> Option<Nanos> {
        self.slots
            .iter()
            .find(|(id, _)| *id == slot)
            .map(|(_, value)| *value)
    }

    /// What has been used in a window, less what was granted: below 0 where that is more.
    #[must_use]
    pub fn count(&self, window: WindowId) -> i64 {
        self.counts
            .iter()
            .find(|count| count.window == window)
            .map_or(0, |count| count.net)
    }

    /// What was granted in a window, below 0 where more was cut.
    #[must_use]
    pub fn granted(&self, window: WindowId) -> i64 {
        self.grants
            .iter()
            .find(|granted| granted.window == window)
            .map_or(0, |granted| granted.amount)
    }

    /// The calls by which grants raise a window's limit; 0 if more was cut than granted.
    #[must_use]
    pub fn granted_extra(&self, window: WindowId) -> u64 {
        u64::try_from(self.granted(window)).unwrap_or(0)
    }

    /// What has been used in a window, whatever was granted.
    #[must_use]
    pub fn used(&self, window: WindowId) -> u64 {
        u64::try_from(self.count(window).saturating_add(self.granted(window))).unwrap_or(0)
    }

    /// Whether nothing in it matters any more: every bucket full, every window over.
    #[must_use]
    pub fn is_spent(&self, now: Nanos) -> bool {
        self.tats.iter().all(|(_, tat)| *tat <= now)
            && self
                .slots
                .iter()
                .all(|(_, value)| *value + SLOT_LIFETIME <= now)
            && self.counts.iter().all(|count| count.end <= now)
    }

    /// What of it matters at `now`.
    pub fn current(mut self, now: Nanos) -> Self {
        self.forget(now);
        self
    }

    /// Takes a charge over, and forgets what no longer matters, so that a caller's size is bounded.
    pub fn apply(&mut self, charge: &Charge, now: Nanos) {
        self.tats.retain(|(id, tat)| {
            *tat > now && !charge.tats.iter().any(|(changed, _)| changed == id)
        });
        self.counts.retain(|count| {
            count.end > now
                && !charge
                    .counts
                    .iter()
                    .any(|changed| changed.window == count.window)
        });
        self.grants.retain(|granted| granted.end > now);
        if let Some((id, value)) = charge.slot {
            self.slots
                .retain(|(known, value)| *value + SLOT_LIFETIME > now && *known != id);
            self.slots.push((id, value));
        }
        self.tats.extend(charge.tats.iter().copied());
        self.counts.extend(charge.counts.iter().copied());
    }

    /// Moves a window's count by `by`, and what was granted in it by `granted`.
    pub fn adjust(&mut self, window: WindowId, end: Nanos, by: i64, granted: i64) {
        match self.counts.iter_mut().find(|count| count.window == window) {
            Some(count) => count.net = count.net.saturating_add(by),
            None => self.counts.push(Count {
                window,
                end,
                net: by,
            }),
        }
        match self.grants.iter_mut().find(|known| known.window == window) {
            Some(known) => known.amount = known.amount.saturating_add(granted),
            None if granted == 0 => {}
            None => self.grants.push(GrantedCalls {
                window,
                end,
                amount: granted,
            }),
        }
    }

    fn forget(&mut self, now: Nanos) {
        self.tats.retain(|(_, tat)| *tat > now);
        self.slots.retain(|(_, value)| *value + SLOT_LIFETIME > now);
        self.counts.retain(|count| count.end > now);
        self.grants.retain(|granted| granted.end > now);
    }
}
