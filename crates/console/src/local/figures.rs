//! Figures of the last 15 minutes, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use gateway::api::Exchange;
use jiff::Timestamp;

use super::slot::Slot;
use crate::overview::{Figures, PlanDecisions, Point};

/// The duration of a slot in seconds.
pub(super) const SLOT_S: u32 = 5;
/// The number of slots: 15 minutes.
const SLOTS: i64 = 180;

/// The slots with requests of the last 15 minutes, in order. Together they have at most 3 MB, and
/// usually less than 200 KB.
#[derive(Debug, Default)]
pub(super) struct RecentSlots(VecDeque<(i64, Arc<Slot>)>);

impl RecentSlots {
    /// Counts a request that ends at `now`.
    pub(super) fn add(&mut self, exchange: &Exchange, now: Timestamp) {
        let number = slot_number(now);
        // A clock that is set back would make all slots ones of the future.
        if self.0.back().is_some_and(|(last, _)| *last > number + 1) {
            self.0.clear();
        }
        if self.0.back().is_none_or(|(last, _)| *last < number) {
            self.0.push_back((number, Arc::default()));
            self.forget(number);
        }

        if let Some((_, slot)) = self.0.back_mut() {
            // This copies the slot if a snapshot still reads it, which is once per snapshot at most.
            Arc::make_mut(slot).add(exchange);
        }
    }

    fn forget(&mut self, newest: i64) {
        let oldest = newest - SLOTS + 1;
        while self.0.front().is_some_and(|(number, _)| *number < oldest) {
            self.0.pop_front();
        }
    }

    /// Returns the slots of the 15 minutes before `now`. It copies no counts, so that requests wait
    /// a few microseconds at most.
    pub(super) fn snapshot(&self, now: Timestamp) -> Snapshot {
        let last = slot_number(now);
        let first = last - SLOTS + 1;
        let recent = self
            .0
            .iter()
            .filter(|(number, _)| (first..=last).contains(number));

        Snapshot {
            first,
            slots: recent.cloned().collect(),
        }
    }
}

/// The figures at one time.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The number of the first slot of the range.
    first: i64,
    slots: Vec<(i64, Arc<Slot>)>,
}

impl Snapshot {
    /// Returns the begin of the first slot.
    pub(super) fn from(&self) -> Timestamp {
        slot_start(self.first)
    }

    /// Returns the end of the last slot.
    pub(super) fn to(&self) -> Timestamp {
        slot_start(self.first + SLOTS)
    }

    /// Returns the figures of each slot of the range.
    pub(super) fn points(&self) -> Vec<Point> {
        let mut slots = self.slots.iter().peekable();
        let figures = |number: i64| {
            let slot = slots.next_if(|(of_slot, _)| *of_slot == number);
            slot.map_or_else(Figures::default, |(_, slot)| slot.figures())
        };

        let numbers = self.first..self.first + SLOTS;
        let starts = numbers.clone().map(slot_start);
        starts
            .zip(numbers.map(figures))
            .map(|(at, figures)| Point { at, figures })
            .collect()
    }

    /// Returns the figures of the whole range, and the decisions by plan.
    pub(super) fn totals(&self) -> (Figures, Vec<PlanDecisions>) {
        let mut total = Slot::default();
        for (_, slot) in &self.slots {
            total.merge(slot);
        }
        (total.figures(), total.decisions())
    }
}

fn slot_number(time: Timestamp) -> i64 {
    time.as_second().div_euclid(i64::from(SLOT_S))
}

fn slot_start(number: i64) -> Timestamp {
    Timestamp::from_second(number * i64::from(SLOT_S)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::tests::exchange;

    const NOW_S: i64 = 1_795_348_802;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOW_S + seconds).unwrap()
    }

    fn added(seconds: impl IntoIterator<Item = i64>) -> RecentSlots {
        let mut slots = RecentSlots::default();
        for seconds in seconds {
            slots.add(&exchange(200), at(seconds));
        }
        slots
    }

    fn requests(snapshot: &Snapshot) -> u64 {
        snapshot.totals().0.requests
    }

    #[test]
    fn points_cover_15_minutes_with_and_without_requests() {
        let snapshot = added([0, 1, 2, 3, 10]).snapshot(at(12));
        let points = snapshot.points();

        assert_eq!(points.len(), 180);
        assert_eq!(points[0].at, snapshot.from());
        let counts: Vec<_> = points[175..].iter().map(|it| it.figures.requests).collect();
        assert_eq!(counts, [0, 0, 3, 1, 1]);
        assert_eq!(snapshot.to().as_second() - snapshot.from().as_second(), 900);
        assert!(snapshot.to() > at(12) && points[179].at <= at(12));
    }

    #[test]
    fn slots_are_forgotten_after_15_minutes() {
        let slots = added([0, 300, 600]);
        for (seconds, expected) in [(600, 3), (897, 3), (898, 2), (1_497, 1), (1_498, 0)] {
            assert_eq!(
                requests(&slots.snapshot(at(seconds))),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn number_of_slots_is_bounded() {
        let slots = added((0..10_000).map(|number| number * 5));
        assert_eq!(slots.0.len(), 180);
        assert_eq!(added([0, 1_000_000]).0.len(), 1);
    }

    #[test]
    fn snapshot_does_not_change() {
        let mut slots = added([0]);
        let snapshot = slots.snapshot(at(0));
        slots.add(&exchange(429), at(0));

        assert_eq!(requests(&snapshot), 1);
        assert_eq!(requests(&slots.snapshot(at(0))), 2);
    }

    #[test]
    fn clock_that_is_set_back_starts_again() {
        let mut slots = added([3_600]);
        slots.add(&exchange(200), at(0));
        assert_eq!(requests(&slots.snapshot(at(0))), 1);

        // A few milliseconds at the border of two slots are no reason to forget.
        let mut slots = added([0, 4]);
        slots.add(&exchange(200), at(2));
        assert_eq!(requests(&slots.snapshot(at(4))), 3);
    }
}
