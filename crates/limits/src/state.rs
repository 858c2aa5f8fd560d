//! The usage of a caller, and the changes that a charge makes to it.

use arrayvec::ArrayVec;

use crate::plan_bounds::MAX_QUOTAS;
use crate::sliding::SLOT_LIFETIME;
use crate::{Nanos, Window, WindowId};

/// The usage of a caller: the `tat` of its buckets, the slots of its sliding windows, and the counts
/// of its quotas' windows. It is empty for a new caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tats: Vec<(u64, Nanos)>,
    /// The slots of sliding windows.
    slots: Vec<(u64, Nanos)>,
    counts: Vec<Count>,
    grants: Vec<GrantedCalls>,
    marks: Vec<Mark>,
}

/// The calls of a window up to which thresholds were logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The window.
    pub window: WindowId,
    /// The instant at which the window is over.
    pub end: Nanos,
    /// The number of calls.
    pub calls: u64,
}

/// The usage of a window, less the calls granted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The window.
    pub window: WindowId,
    /// The instant at which the window is over.
    pub end: Nanos,
    /// The calls used less the calls granted, below 0 if more were granted.
    pub net: i64,
}

/// The calls granted in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedCalls {
    /// The window.
    pub window: WindowId,
    /// The instant at which the window is over.
    pub end: Nanos,
    /// The number of granted calls, below 0 if more were cut.
    pub amount: i64,
}

/// The changes that an allowed call makes to a caller's usage.
#[derive(Debug, Default)]
pub struct Charge {
    /// The new `tat` of the caller's bucket and of the route's.
    pub tats: ArrayVec<(u64, Nanos), 2>,
    /// The new value of the current slot of the sliding window.
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
    /// Returns usage with the given bucket states and window counts.
    pub fn new(tats: Vec<(u64, Nanos)>, counts: Vec<Count>) -> Self {
        Self {
            tats,
            counts,
            ..Self::default()
        }
    }

    /// Returns the usage with these slots of sliding windows.
    pub fn with_slots(self, slots: Vec<(u64, Nanos)>) -> Self {
        Self { slots, ..self }
    }

    /// Returns the usage with these granted calls.
    pub fn with_grants(self, grants: Vec<GrantedCalls>) -> Self {
        Self { grants, ..self }
    }

    /// Returns the usage with these marks of thresholds.
    pub fn with_marks(self, marks: Vec<Mark>) -> Self {
        Self { marks, ..self }
    }

    /// Returns the calls of a window up to which thresholds were logged.
    #[must_use]
    pub fn marked(&self, window: WindowId) -> u64 {
        self.marks
            .iter()
            .find(|mark| mark.window == window)
            .map_or(0, |mark| mark.calls)
    }

    /// Records that the thresholds of a window up to `calls` were logged.
    pub fn mark(&mut self, window: &Window, calls: u64) {
        self.marks.retain(|mark| mark.window != window.id);
        self.marks.push(Mark {
            window: window.id,
            end: window.end,
            calls,
        });
    }

    /// Returns the `tat` of a bucket. `None` if the bucket is unused or full.
    #[must_use]
    pub fn tat(&self, bucket: u64) -> Option<Nanos> {
        self.tats
            .iter()
            .find(|(id, _)| *id == bucket)
            .map(|(_, tat)| *tat)
    }

    /// Returns the value of a slot of a sliding window. `None` if it was never used.
    #[must_use]
    pub fn slot(&self, slot: u64) -> Option<Nanos> {
        self.slots
            .iter()
            .find(|(id, _)| *id == slot)
            .map(|(_, value)| *value)
    }

    /// Returns the calls used in a window less the calls granted, below 0 if more were granted.
    #[must_use]
    pub fn count(&self, window: WindowId) -> i64 {
        self.counts
            .iter()
            .find(|count| count.window == window)
            .map_or(0, |count| count.net)
    }

    /// Returns the calls granted in a window, below 0 if more were cut.
    #[must_use]
    pub fn granted(&self, window: WindowId) -> i64 {
        self.grants
            .iter()
            .find(|grant| grant.window == window)
            .map_or(0, |grant| grant.amount)
    }

    /// Returns the calls by which grants raise the limit of a window: 0 if more were cut.
    #[must_use]
    pub fn granted_extra(&self, window: WindowId) -> u64 {
        u64::try_from(self.granted(window)).unwrap_or(0)
    }

    /// Returns the calls used in a window.
    #[must_use]
    pub fn used(&self, window: WindowId) -> u64 {
        u64::try_from(self.count(window).saturating_add(self.granted(window))).unwrap_or(0)
    }

    /// True if the usage restricts nothing any more: every bucket is full, every window over.
    #[must_use]
    pub fn is_spent(&self, now: Nanos) -> bool {
        self.tats.iter().all(|(_, tat)| *tat <= now)
            && self
                .slots
                .iter()
                .all(|(_, value)| *value + SLOT_LIFETIME <= now)
            && self.counts.iter().all(|count| count.end <= now)
    }

    /// Returns the usage without states that no longer matter at `now`.
    pub fn current(mut self, now: Nanos) -> Self {
        self.remove_outdated(now);
        self
    }

    /// Applies a charge, and removes states that no longer matter, so that the size is bounded.
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
        self.marks.retain(|mark| mark.end > now);

        if let Some((id, value)) = charge.slot {
            self.slots
                .retain(|(known, value)| *value + SLOT_LIFETIME > now && *known != id);
            self.slots.push((id, value));
        }

        self.tats.extend(charge.tats.iter().copied());
        self.counts.extend(charge.counts.iter().copied());
    }

    /// Adds `by` to the count of a window, and `granted` to the calls granted in it.
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

    fn remove_outdated(&mut self, now: Nanos) {
        self.tats.retain(|(_, tat)| *tat > now);
        self.slots.retain(|(_, value)| *value + SLOT_LIFETIME > now);
        self.counts.retain(|count| count.end > now);
        self.grants.retain(|granted| granted.end > now);
        self.marks.retain(|mark| mark.end > now);
    }
}
