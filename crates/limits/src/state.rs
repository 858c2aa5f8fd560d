//! The usage of a caller, and the changes that a charge makes to it.

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use crate::plan_bounds::MAX_QUOTAS;
use crate::sliding::SLOT_LIFETIME;
use crate::{Nanos, Window, WindowId};

/// The usage of a caller: the `tat` of its buckets, the slots of its sliding windows, and the counts
/// of its quotas' windows. It is empty for a new caller.
///
/// The state of one bucket and of one quota is in place, so that a decision reads one piece of
/// memory. Stores keep many callers, and the caches of a processor only a few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tats: SmallVec<[(u64, Nanos); 1]>,
    counts: SmallVec<[Count; 1]>,
    /// `None` for a caller without such state, as most are.
    rest: Option<Box<Rest>>,
}

/// The rest of a caller's usage, which most callers do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    /// The slots of sliding windows.
    slots: Vec<(u64, Nanos)>,
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
            tats: tats.into(),
            counts: counts.into(),
            rest: None,
        }
    }

    /// Returns the usage with these slots of sliding windows.
    pub fn with_slots(mut self, slots: Vec<(u64, Nanos)>) -> Self {
        if !slots.is_empty() {
            self.rest_mut().slots = slots;
        }
        self
    }

    /// Returns the usage with these granted calls.
    pub fn with_grants(mut self, grants: Vec<GrantedCalls>) -> Self {
        if !grants.is_empty() {
            self.rest_mut().grants = grants;
        }
        self
    }

    /// Returns the usage with these marks of thresholds.
    pub fn with_marks(mut self, marks: Vec<Mark>) -> Self {
        if !marks.is_empty() {
            self.rest_mut().marks = marks;
        }
        self
    }

    /// Returns the calls of a window up to which thresholds were logged.
    #[must_use]
    pub fn marked(&self, window: WindowId) -> u64 {
        let marks = self.rest.iter().flat_map(|rest| &rest.marks);
        let mut found = marks.filter(|mark| mark.window == window);
        found.next().map_or(0, |mark| mark.calls)
    }

    /// Records that the thresholds of a window up to `calls` were logged.
    pub fn mark(&mut self, window: &Window, calls: u64) {
        let marks = &mut self.rest_mut().marks;
        marks.retain(|mark| mark.window != window.id);
        marks.push(Mark {
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
        let slots = &self.rest.as_ref()?.slots;
        let found = slots.iter().find(|(id, _)| *id == slot);
        found.map(|(_, value)| *value)
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
        let grants = self.rest.iter().flat_map(|rest| &rest.grants);
        let mut found = grants.filter(|grant| grant.window == window);
        found.next().map_or(0, |grant| grant.amount)
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
        let mut slots = self.rest.iter().flat_map(|rest| &rest.slots);

        self.tats.iter().all(|(_, tat)| *tat <= now)
            && slots.all(|(_, value)| *value + SLOT_LIFETIME <= now)
            && self.counts.iter().all(|count| count.end <= now)
    }

    /// Returns the usage without states that no longer matter at `now`.
    pub fn current(mut self, now: Nanos) -> Self {
        self.tats.retain(|(_, tat)| *tat > now);
        self.counts.retain(|count| count.end > now);
        self.remove_outdated_rest(now);
        self
    }

    /// Applies a charge, and removes states that no longer matter, so that the size is bounded.
    pub fn apply(&mut self, charge: &Charge, now: Nanos) {
        for (id, tat) in &charge.tats {
            match self.tats.iter_mut().find(|(known, _)| known == id) {
                Some((_, known)) => *known = *tat,
                None => self.tats.push((*id, *tat)),
            }
        }
        for count in &charge.counts {
            let mut known = self.counts.iter_mut();
            match known.find(|known| known.window == count.window) {
                Some(known) => *known = *count,
                None => self.counts.push(*count),
            }
        }

        // All of the charged states are kept. Without others, there is nothing to remove.
        if self.tats.len() > charge.tats.len() {
            let is_charged = |id| charge.tats.iter().any(|(charged, _)| *charged == id);
            self.tats.retain(|(id, tat)| *tat > now || is_charged(*id));
        }
        if self.counts.len() > charge.counts.len() {
            let is_charged = |id| charge.counts.iter().any(|charged| charged.window == id);
            self.counts
                .retain(|count| count.end > now || is_charged(count.window));
        }
        self.remove_outdated_rest(now);

        if let Some((id, value)) = charge.slot {
            let slots = &mut self.rest_mut().slots;
            slots.retain(|(known, _)| *known != id);
            slots.push((id, value));
        }
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
        if granted == 0 {
            return;
        }

        let grants = &mut self.rest_mut().grants;
        match grants.iter_mut().find(|known| known.window == window) {
            Some(known) => known.amount = known.amount.saturating_add(granted),
            None => grants.push(GrantedCalls {
                window,
                end,
                amount: granted,
            }),
        }
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    fn remove_outdated_rest(&mut self, now: Nanos) {
        let Some(rest) = &mut self.rest else { return };
        rest.slots.retain(|(_, value)| *value + SLOT_LIFETIME > now);
        rest.grants.retain(|granted| granted.end > now);
        rest.marks.retain(|mark| mark.end > now);

        if rest.slots.is_empty() && rest.grants.is_empty() && rest.marks.is_empty() {
            self.rest = None;
        }
    }
}
