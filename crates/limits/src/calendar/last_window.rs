//! The window that a calendar has computed last, because most calls are in the window of the call
//! before. The rules of a time zone cost more than the rest of a decision.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

use crate::{Nanos, SECOND};

/// The bits of a length in seconds: 388 days, which is longer than a year.
const LENGTH_BITS: u32 = 25;
/// The bits of a year, a month and a day.
const DATE_BITS: u32 = 23;
/// The bits of a start in seconds since 1970: more than 8,000 years.
const START_BITS: u32 = 38;

/// The last window, readable and replaceable without a lock.
///
/// Each of its two words contains the start of the window. A calendar has one window per start, so
/// that two words with the same start belong together, even if two threads have written them.
/// Otherwise, the window is computed.
#[derive(Debug, Default)]
pub(super) struct LastWindow {
    /// The start and the length. The length is 0 before the first window.
    length: AtomicU64,
    /// The start and the first day.
    first_day: AtomicU64,
}

impl LastWindow {
    /// Returns the start, the end and the first day of the last window. `None` if it does not
    /// contain `now`.
    #[inline]
    pub(super) fn containing(&self, now: Nanos) -> Option<(Nanos, Nanos, Date)> {
        let length = self.length.load(Ordering::Relaxed);
        let first_day = self.first_day.load(Ordering::Relaxed);
        let start = length >> LENGTH_BITS;
        let end = start + low_bits(length, LENGTH_BITS);

        let now = u64::try_from(now).ok()? / 1_000_000_000;
        if !(start..end).contains(&now) || first_day >> DATE_BITS != start {
            return None;
        }

        let first_day = date_of(low_bits(first_day, DATE_BITS))?;
        Some((instant(start), instant(end), first_day))
    }

    /// Replaces the window, unless it starts before 1970 or within a second.
    pub(super) fn set(&self, start: Nanos, end: Nanos, first_day: Date) {
        let Some((start, length)) = whole(start).zip(whole(end - start)) else {
            return;
        };
        let Some(date) = bits_of(first_day) else {
            return;
        };
        if start >> START_BITS != 0 || length >> LENGTH_BITS != 0 {
            return;
        }

        let length = start << LENGTH_BITS | length;
        self.length.store(length, Ordering::Relaxed);
        let first_day = start << DATE_BITS | date;
        self.first_day.store(first_day, Ordering::Relaxed);
    }
}

/// A copy begins without a window.
impl Clone for LastWindow {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Always equal, because the last window does not change what a calendar is.
impl PartialEq for LastWindow {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LastWindow {}

fn low_bits(word: u64, bits: u32) -> u64 {
    word & ((1 << bits) - 1)
}

fn instant(seconds: u64) -> Nanos {
    Nanos::from(seconds) * SECOND
}

/// Returns whole seconds. `None` for a negative number, and for a part of a second.
fn whole(duration: Nanos) -> Option<u64> {
    let seconds = u64::try_from(duration / SECOND).ok()?;
    (instant(seconds) == duration).then_some(seconds)
}

/// Returns the year, the month and the day in one number. `None` for a year before 0.
fn bits_of(date: Date) -> Option<u64> {
    let year = u64::try_from(date.year()).ok()?;
    let (month, day) = (u64::try_from(date.month()), u64::try_from(date.day()));
    Some(year << 9 | month.ok()? << 5 | day.ok()?)
}

fn date_of(bits: u64) -> Option<Date> {
    let year = i16::try_from(bits >> 9).ok()?;
    let month = i8::try_from(low_bits(bits >> 5, 4)).ok()?;
    let day = i8::try_from(low_bits(bits, 5)).ok()?;
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn day() -> (Nanos, Nanos, Date) {
        let midnight = NOON - 43_200 * SECOND;
        (midnight, midnight + 86_400 * SECOND, date(2026, 11, 22))
    }

    #[test]
    fn window_is_found_from_its_start_until_before_its_end() {
        let (last, (start, end, first_day)) = (LastWindow::default(), day());
        assert_eq!(last.containing(NOON), None);
        last.set(start, end, first_day);

        for now in [start, NOON, end - 1] {
            assert_eq!(last.containing(now), Some(day()), "{now}");
        }
        for now in [start - 1, end, -1, Nanos::MAX, Nanos::MIN] {
            assert_eq!(last.containing(now), None, "{now}");
        }
    }

    #[test]
    fn words_of_two_windows_are_no_window() {
        let (last, (start, end, first_day)) = (LastWindow::default(), day());
        last.set(start, end, first_day);
        let torn = LastWindow::default();
        torn.set(end, end + 86_400 * SECOND, first_day.tomorrow().unwrap());
        torn.length
            .store(last.length.into_inner(), Ordering::Relaxed);

        assert_eq!(torn.containing(NOON), None);
    }

    #[test]
    fn window_that_does_not_fit_is_not_kept() {
        let (_, end, first_day) = day();
        for (start, end) in [(-SECOND, end), (1, end), (0, end), (0, SECOND / 2)] {
            let last = LastWindow::default();
            last.set(start, end, first_day);
            assert_eq!(last.containing(SECOND / 4), None, "{start} {end}");
        }
    }
}
