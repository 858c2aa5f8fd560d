//! Reporting figures: counts that reports need and that no decision reads.
//!
//! An instance collects figures in memory and adds them to the store in few writes, not one per
//! decision. A series (one caller's calls per day) is written at most once per minute: at once if
//! it was not written within the last minute, else by the first request after that minute, or at
//! shutdown. What an instance has not written yet is lost if the instance is killed: at most the
//! calls since the last write.
//!
//! An addition is not idempotent. It is repeated only if the write certainly had no effect.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use limits::day_of;
use limits::{Caller, Nanos, SECOND};

/// The shortest time between two writes of the same series.
pub(crate) const INTERVAL: Nanos = 60 * SECOND;
/// The most series that are held at a time, some 20 MB. Figures of further series are dropped, with
/// a warning.
const MAX_SERIES: usize = 65_536;

/// What one series has to add to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    /// Whose calls.
    pub(crate) caller: Caller,
    /// Units per day (UTC); below 0 if more was refunded than charged.
    pub(crate) days: Vec<(Date, i64)>,
}

/// The figures that this instance has not added to the store yet.
#[derive(Debug)]
pub(crate) struct Figures {
    held: Mutex<Held>,
    /// The second at which a series is due first. It spares decisions the lock.
    next_due_s: AtomicI64,
    max_series: usize,
}

#[derive(Debug, Default)]
struct Held {
    series: HashMap<Caller, Series>,
    /// Series with something to add, by the instant from which on they are due.
    due: BTreeSet<(Nanos, u64)>,
    /// The caller of each entry of `due`.
    callers: HashMap<u64, Caller>,
    next_number: u64,
    /// True once figures were dropped, so that the warning is written once per instance.
    has_dropped: bool,
}

#[derive(Debug, Default)]
struct Series {
    days: Vec<(Date, i64)>,
    written: Option<Nanos>,
}

impl Default for Figures {
    fn default() -> Self {
        Self::new(MAX_SERIES)
    }
}

impl Figures {
    fn new(max_series: usize) -> Self {
        Self {
            held: Mutex::default(),
            next_due_s: AtomicI64::new(i64::MAX),
            max_series,
        }
    }

    /// Counts `units` for `caller` on the day of `at`.
    pub(crate) fn add(&self, caller: &Caller, at: Nanos, units: i64, now: Nanos) {
        let Some(day) = day_of(at).filter(|_| units != 0) else {
            return;
        };
        let mut held = self.held();
        held.add(caller, &[(day, units)], now, self.max_series);
        self.publish(&held);
    }

    /// True if some series is due at `now`.
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        Nanos::from(self.next_due_s.load(Ordering::Relaxed)) * SECOND <= now
    }

    /// Takes at most `limit` series that are due at `now`, those that are due longest first.
    pub(crate) fn take_due(&self, now: Nanos, limit: usize) -> Vec<Addition> {
        self.take(now, now, limit)
    }

    /// Takes at most `limit` series, due or not.
    pub(crate) fn take_any(&self, now: Nanos, limit: usize) -> Vec<Addition> {
        self.take(Nanos::MAX, now, limit)
    }

    /// Takes an addition back that certainly was not made. It is due again after [`INTERVAL`].
    pub(crate) fn put_back(&self, addition: &Addition, now: Nanos) {
        let mut held = self.held();
        held.add(&addition.caller, &addition.days, now, self.max_series);
        self.publish(&held);
    }

    /// What `caller` has to add.
    pub(crate) fn pending(&self, caller: &Caller) -> Vec<(Date, i64)> {
        self.held()
            .series
            .get(caller)
            .map(|series| series.days.clone())
            .unwrap_or_default()
    }

    fn take(&self, until: Nanos, now: Nanos, limit: usize) -> Vec<Addition> {
        let mut held = self.held();
        let taken = std::iter::from_fn(|| held.take_first(until, now))
            .take(limit)
            .collect();
        self.publish(&held);
        taken
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, held: &Held) {
        let due_s = held.due.first().map(|(due, _)| due.div_euclid(SECOND));
        let due_s = due_s.map_or(i64::MAX, |due_s| i64::try_from(due_s).unwrap_or(i64::MAX));
        self.next_due_s.store(due_s, Ordering::Relaxed);
    }
}

impl Held {
    fn add(&mut self, caller: &Caller, days: &[(Date, i64)], now: Nanos, max_series: usize) {
        if !self.series.contains_key(caller) && !self.has_room(now, max_series) {
            return;
        }

        let series = self.series.entry(caller.clone()).or_default();
        let was_empty = series.days.is_empty();
        for (day, units) in days {
            match series.days.iter_mut().find(|(known, _)| known == day) {
                Some((_, sum)) => *sum = sum.saturating_add(*units),
                None => series.days.push((*day, *units)),
            }
        }

        if was_empty {
            let due = series
                .written
                .map_or(now, |written| now.max(written + INTERVAL));
            self.due.insert((due, self.next_number));
            self.callers.insert(self.next_number, caller.clone());
            self.next_number += 1;
        }
    }

    /// True if a further series can be held; those that were written a while ago make room.
    fn has_room(&mut self, now: Nanos, max_series: usize) -> bool {
        if self.series.len() < max_series {
            return true;
        }
        let is_recent = |written: Nanos| now < written + INTERVAL;
        self.series
            .retain(|_, series| !series.days.is_empty() || series.written.is_some_and(is_recent));
        let has_room = self.series.len() < max_series;
        if !has_room && !std::mem::replace(&mut self.has_dropped, true) {
            tracing::warn!(
                max_series,
                "reporting figures are incomplete: more than {max_series} callers per minute"
            );
        }
        has_room
    }

    fn take_first(&mut self, until: Nanos, now: Nanos) -> Option<Addition> {
        let first = *self.due.first().filter(|(due, _)| *due <= until)?;
        self.due.remove(&first);
        let caller = self.callers.remove(&first.1)?;
        let series = self.series.get_mut(&caller)?;
        series.written = Some(now);
        let days = std::mem::take(&mut series.days);
        Some(Addition { caller, days })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;
    const TODAY: Date = date(2026, 11, 22);

    fn key(name: &str) -> Caller {
        Caller::Key(name.to_owned())
    }

    fn taken(figures: &Figures, now: Nanos) -> Vec<(Caller, i64)> {
        let sum = |addition: Addition| {
            (
                addition.caller,
                addition.days.iter().map(|(_, units)| units).sum(),
            )
        };
        figures.take_due(now, 100).into_iter().map(sum).collect()
    }

    #[test]
    fn first_call_is_due_at_once_and_the_next_ones_after_a_minute() {
        let figures = Figures::default();
        figures.add(&key("a"), NOON, 2, NOON);
        assert!(figures.is_due(NOON));
        assert_eq!(taken(&figures, NOON), [(key("a"), 2)]);

        for second in 1..60 {
            figures.add(&key("a"), NOON, 1, NOON + second * SECOND);
            assert!(!figures.is_due(NOON + second * SECOND));
        }
        assert_eq!(taken(&figures, NOON + INTERVAL - 1), []);
        assert_eq!(taken(&figures, NOON + INTERVAL), [(key("a"), 59)]);
        assert_eq!(taken(&figures, NOON + 9 * INTERVAL), []);
    }

    #[test]
    fn a_series_that_waited_longest_is_taken_first_and_no_more_than_asked_for() {
        let figures = Figures::default();
        for (second, name) in (0..).zip(["a", "b", "c"]) {
            figures.add(&key(name), NOON, 1, NOON + second * SECOND);
        }
        let names: Vec<_> = figures
            .take_due(NOON + 5 * SECOND, 2)
            .into_iter()
            .map(|addition| addition.caller)
            .collect();
        assert_eq!(names, [key("a"), key("b")]);
        assert_eq!(taken(&figures, NOON + 5 * SECOND), [(key("c"), 1)]);
    }

    #[test]
    fn days_are_counted_apart_and_refunds_are_subtracted() {
        let figures = Figures::default();
        figures.add(&key("a"), NOON, 5, NOON);
        figures.add(&key("a"), NOON + 86_400 * SECOND, 7, NOON);
        figures.add(&key("a"), NOON, -2, NOON);
        let expected = vec![(TODAY, 3), (date(2026, 11, 23), 7)];
        assert_eq!(figures.pending(&key("a")), expected);
        assert_eq!(
            figures.take_due(NOON, 9),
            [Addition {
                caller: key("a"),
                days: expected
            }]
        );
        assert_eq!(figures.pending(&key("a")), []);
    }

    #[test]
    fn an_addition_that_was_not_made_is_due_again_after_a_minute() {
        let figures = Figures::default();
        figures.add(&key("a"), NOON, 5, NOON);
        let addition = figures.take_due(NOON, 1).remove(0);
        figures.add(&key("a"), NOON, 1, NOON + SECOND);
        figures.put_back(&addition, NOON + SECOND);
        assert_eq!(taken(&figures, NOON + INTERVAL - 1), []);
        assert_eq!(taken(&figures, NOON + INTERVAL), [(key("a"), 6)]);
    }

    #[test]
    fn at_shutdown_everything_is_taken() {
        let figures = Figures::default();
        figures.add(&key("a"), NOON, 5, NOON);
        figures.take_due(NOON, 1);
        figures.add(&key("a"), NOON, 1, NOON);
        assert_eq!(figures.take_due(NOON, 9), []);
        assert_eq!(figures.take_any(NOON, 9).len(), 1);
        assert_eq!(figures.take_any(NOON, 9), []);
    }

    #[test]
    fn the_number_of_series_is_bounded_and_written_ones_make_room() {
        let figures = Figures::new(2);
        for name in ["a", "b", "c"] {
            figures.add(&key(name), NOON, 1, NOON);
        }
        assert_eq!(taken(&figures, NOON), [(key("a"), 1), (key("b"), 1)]);
        figures.add(&key("c"), NOON, 1, NOON + INTERVAL);
        assert_eq!(taken(&figures, NOON + INTERVAL), [(key("c"), 1)]);
        assert_eq!(figures.held().series.len(), 1);
    }
}
