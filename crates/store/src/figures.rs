//! Reporting figures: counts that reports need and that no decision reads.
//!
//! An instance collects figures in memory and adds them to the store in few writes, not one per
//! decision. A series (one caller's figures per day) is written at most once per minute: at once if
//! it was not written within the last minute, else by the first request after that minute, or at
//! shutdown. What an instance has not written yet is lost if the instance is killed: at most the
//! calls since the last write.
//!
//! A refused call alone causes no write, so that a caller over its limits costs nothing. Refusals
//! wait for the next call of the caller that is charged, or for the shutdown.
//!
//! An addition is not idempotent. It is repeated only if the write certainly had no effect.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use limits::{Caller, Nanos, SECOND};

/// The shortest time between two writes of the same series.
pub(crate) const INTERVAL: Nanos = 60 * SECOND;
/// The most series that are held at a time, some 20 MB. Figures of further series are dropped, with
/// a warning.
const MAX_SERIES: usize = 65_536;

/// The figures of one caller on one day. Those of charges fall below 0 if more was refunded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DayFigures {
    /// Units that were charged to another caller, such as the plan.
    pub(crate) units: i64,
    /// These units less the calls that cost them.
    pub(crate) extra: i64,
    /// Calls that a limit refused.
    pub(crate) refused: i64,
}

impl DayFigures {
    /// Returns the figures of one call that cost `units`.
    pub(crate) fn of_call(units: u64) -> Self {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        Self {
            units,
            extra: units.saturating_sub(1),
            refused: 0,
        }
    }

    /// The figures of one refused call.
    pub(crate) const REFUSAL: Self = Self {
        units: 0,
        extra: 0,
        refused: 1,
    };

    /// Returns the figures of a refund of such a call.
    pub(crate) fn refunded(self) -> Self {
        Self {
            units: self.units.saturating_neg(),
            extra: self.extra.saturating_neg(),
            refused: self.refused.saturating_neg(),
        }
    }

    /// Adds other figures.
    pub(crate) fn add(&mut self, other: Self) {
        self.units = self.units.saturating_add(other.units);
        self.extra = self.extra.saturating_add(other.extra);
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// True if they contain more than refusals.
    fn has_charges(self) -> bool {
        self.units != 0 || self.extra != 0
    }
}

/// What one series has to add to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    /// Whose calls.
    pub(crate) caller: Caller,
    /// Figures per day.
    pub(crate) days: Vec<(Date, DayFigures)>,
}

/// The figures that this instance has not added to the store yet.
#[derive(Debug)]
pub(crate) struct Figures {
    held: Mutex<Held>,
    /// The second at which a series is due first. It spares decisions the lock.
    next_due_s: AtomicI64,
    /// The number of series that wait for a charged call. It spares decisions the lock.
    waiting: AtomicUsize,
    max_series: usize,
}

#[derive(Debug, Default)]
struct Held {
    series: HashMap<Caller, Series>,
    /// Series with something to add, by the instant from which on they are due.
    due: BTreeSet<(Nanos, u64)>,
    /// The caller of each entry of `due`.
    callers: HashMap<u64, Caller>,
    /// The number of series that have only refusals and are not due.
    waiting: usize,
    next_number: u64,
    /// True once figures were dropped, so that the warning is written once per instance.
    has_dropped: bool,
}

#[derive(Debug, Default)]
struct Series {
    days: Vec<(Date, DayFigures)>,
    /// True if `due` has an entry for it.
    is_due: bool,
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
            waiting: AtomicUsize::new(0),
            max_series,
        }
    }

    /// Adds figures of `caller` on `day`.
    pub(crate) fn add(&self, caller: &Caller, day: Date, figures: DayFigures, now: Nanos) {
        if figures == DayFigures::default() {
            return;
        }
        let mut held = self.held();
        held.add(caller, &[(day, figures)], now, self.max_series);
        self.publish(&held);
    }

    /// Makes the refusals of a caller due, because a call of it was charged.
    pub(crate) fn note_charge(&self, caller: &Caller, now: Nanos) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut held = self.held();
        held.make_due(caller, now);
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
        self.held().make_all_due(now);
        self.take(Nanos::MAX, now, limit)
    }

    /// Takes an addition back that certainly was not made. It is due again after [`INTERVAL`].
    pub(crate) fn put_back(&self, addition: &Addition, now: Nanos) {
        let mut held = self.held();
        held.add(&addition.caller, &addition.days, now, self.max_series);
        self.publish(&held);
    }

    /// What `caller` has to add.
    pub(crate) fn pending(&self, caller: &Caller) -> Vec<(Date, DayFigures)> {
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
        self.waiting.store(held.waiting, Ordering::Relaxed);
    }
}

impl Held {
    fn add(&mut self, caller: &Caller, days: &[(Date, DayFigures)], now: Nanos, max_series: usize) {
        if !self.series.contains_key(caller) && !self.has_room(now, max_series) {
            return;
        }

        let series = self.series.entry(caller.clone()).or_default();
        let was_empty = series.days.is_empty();
        for (day, figures) in days {
            match series.days.iter_mut().find(|(known, _)| known == day) {
                Some((_, sum)) => sum.add(*figures),
                None => series.days.push((*day, *figures)),
            }
        }

        self.waiting += usize::from(was_empty);
        if days.iter().any(|(_, figures)| figures.has_charges()) {
            self.make_due(caller, now);
        }
    }

    /// Makes a series due that waits for a charged call.
    fn make_due(&mut self, caller: &Caller, now: Nanos) {
        let waits = |series: &&mut Series| !series.is_due && !series.days.is_empty();
        let Some(series) = self.series.get_mut(caller).filter(waits) else {
            return;
        };
        series.is_due = true;
        self.waiting -= 1;

        let due = series
            .written
            .map_or(now, |written| now.max(written + INTERVAL));
        self.due.insert((due, self.next_number));
        self.callers.insert(self.next_number, caller.clone());
        self.next_number += 1;
    }

    fn make_all_due(&mut self, now: Nanos) {
        if self.waiting == 0 {
            return;
        }
        let callers: Vec<_> = self.series.keys().cloned().collect();
        for caller in callers {
            self.make_due(&caller, now);
        }
    }

    /// True if a further series can be held. Those that were written a while ago make room, then
    /// those that have only refusals.
    fn has_room(&mut self, now: Nanos, max_series: usize) -> bool {
        if self.series.len() < max_series {
            return true;
        }
        let is_recent = |written: Nanos| now < written + INTERVAL;
        self.series
            .retain(|_, series| !series.days.is_empty() || series.written.is_some_and(is_recent));
        if self.series.len() >= max_series && self.waiting > 0 {
            self.series
                .retain(|_, series| series.is_due || series.days.is_empty());
            self.waiting = 0;
            self.warn_of_loss(max_series);
        }

        let has_room = self.series.len() < max_series;
        if !has_room {
            self.warn_of_loss(max_series);
        }
        has_room
    }

    fn warn_of_loss(&mut self, max_series: usize) {
        if !std::mem::replace(&mut self.has_dropped, true) {
            tracing::warn!(
                max_series,
                "reporting figures are incomplete: more than {max_series} callers per minute"
            );
        }
    }

    fn take_first(&mut self, until: Nanos, now: Nanos) -> Option<Addition> {
        let first = *self.due.first().filter(|(due, _)| *due <= until)?;
        self.due.remove(&first);
        let caller = self.callers.remove(&first.1)?;
        let series = self.series.get_mut(&caller)?;
        series.written = Some(now);
        series.is_due = false;
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

    fn units(units: i64) -> DayFigures {
        DayFigures {
            units,
            ..DayFigures::default()
        }
    }

    fn taken(figures: &Figures, now: Nanos) -> Vec<(Caller, i64)> {
        let sum = |addition: Addition| {
            (
                addition.caller,
                addition.days.iter().map(|(_, figures)| figures.units).sum(),
            )
        };
        figures.take_due(now, 100).into_iter().map(sum).collect()
    }

    #[test]
    fn first_call_is_due_at_once_and_the_next_ones_after_a_minute() {
        let figures = Figures::default();
        figures.add(&key("a"), TODAY, units(2), NOON);
        assert!(figures.is_due(NOON));
        assert_eq!(taken(&figures, NOON), [(key("a"), 2)]);

        for second in 1..60 {
            figures.add(&key("a"), TODAY, units(1), NOON + second * SECOND);
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
            figures.add(&key(name), TODAY, units(1), NOON + second * SECOND);
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
        figures.add(&key("a"), TODAY, units(5), NOON);
        figures.add(&key("a"), date(2026, 11, 23), units(7), NOON);
        figures.add(&key("a"), TODAY, units(-2), NOON);
        let expected = vec![(TODAY, units(3)), (date(2026, 11, 23), units(7))];
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
        figures.add(&key("a"), TODAY, units(5), NOON);
        let addition = figures.take_due(NOON, 1).remove(0);
        figures.add(&key("a"), TODAY, units(1), NOON + SECOND);
        figures.put_back(&addition, NOON + SECOND);
        assert_eq!(taken(&figures, NOON + INTERVAL - 1), []);
        assert_eq!(taken(&figures, NOON + INTERVAL), [(key("a"), 6)]);
    }

    #[test]
    fn refusals_alone_are_never_due_and_go_with_the_next_charge() {
        let figures = Figures::default();
        for second in 0..600 {
            figures.add(
                &key("a"),
                TODAY,
                DayFigures::REFUSAL,
                NOON + second * SECOND,
            );
            assert!(!figures.is_due(NOON + 9 * INTERVAL));
        }

        figures.note_charge(&key("b"), NOON);
        assert!(!figures.is_due(NOON + 9 * INTERVAL));
        figures.note_charge(&key("a"), NOON);
        let addition = figures.take_due(NOON, 9).remove(0);
        assert_eq!(addition.days[0].1.refused, 600);

        figures.add(&key("a"), TODAY, DayFigures::REFUSAL, NOON);
        assert_eq!(figures.take_any(NOON, 9).len(), 1);
        assert_eq!(figures.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn refusals_make_room_for_charges() {
        let figures = Figures::new(2);
        for name in ["a", "b"] {
            figures.add(&key(name), TODAY, DayFigures::REFUSAL, NOON);
        }
        figures.add(&key("c"), TODAY, units(1), NOON);
        assert_eq!(taken(&figures, NOON), [(key("c"), 1)]);
        assert_eq!(figures.take_any(NOON, 9), []);
    }

    #[test]
    fn at_shutdown_everything_is_taken() {
        let figures = Figures::default();
        figures.add(&key("a"), TODAY, units(5), NOON);
        figures.take_due(NOON, 1);
        figures.add(&key("a"), TODAY, units(1), NOON);
        assert_eq!(figures.take_due(NOON, 9), []);
        assert_eq!(figures.take_any(NOON, 9).len(), 1);
        assert_eq!(figures.take_any(NOON, 9), []);
    }

    #[test]
    fn the_number_of_series_is_bounded_and_written_ones_make_room() {
        let figures = Figures::new(2);
        for name in ["a", "b", "c"] {
            figures.add(&key(name), TODAY, units(1), NOON);
        }
        assert_eq!(taken(&figures, NOON), [(key("a"), 1), (key("b"), 1)]);
        figures.add(&key("c"), TODAY, units(1), NOON + INTERVAL);
        assert_eq!(taken(&figures, NOON + INTERVAL), [(key("c"), 1)]);
        assert_eq!(figures.held().series.len(), 1);
    }
}
