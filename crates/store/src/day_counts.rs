//! Charged calls per day, in memory.

use jiff::civil::Date;

use limits::Nanos;

const DAY: i64 = 86_400_000_000_000;
/// The number of days that are kept: a report of a year, and the history of shared stores.
const MAX_DAYS: usize = 400;

/// Counts, ordered by day.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    /// Days since 1970 (UTC), with calls.
    days: Vec<(i32, u64)>,
}

impl DayCounts {
    pub(crate) fn add(&mut self, now: Nanos, calls: u64) {
        let today = number(now);
        match self.days.last_mut() {
            Some((day, count)) if *day == today => *count += calls,
            _ => self.insert(today, calls),
        }
    }

    /// Subtracts calls from the day of `at`. Returns false if the day has fewer.
    pub(crate) fn take(&mut self, at: Nanos, calls: u64) -> bool {
        let day = number(at);
        let found = self
            .days
            .iter_mut()
            .find(|(known, count)| *known == day && *count >= calls);
        found.map(|(_, count)| *count -= calls).is_some()
    }

    pub(crate) fn get(&self, day: Date) -> u64 {
        let Ok(start) = jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)) else {
            return 0;
        };
        let day = number(start.as_nanosecond());
        self.days
            .iter()
            .find(|(known, _)| *known == day)
            .map_or(0, |(_, count)| *count)
    }

    fn insert(&mut self, today: i32, calls: u64) {
        match self.days.binary_search_by_key(&today, |(day, _)| *day) {
            Ok(place) => self.days[place].1 += calls,
            Err(place) => self.days.insert(place, (today, calls)),
        }
        if self.days.len() > MAX_DAYS {
            self.days.remove(0);
        }
    }
}

/// 64 bits reach from 1678 to 2262, and a division is several times as fast as with 128 bits.
fn number(now: Nanos) -> i32 {
    let now = i64::try_from(now).unwrap_or(if now < 0 { i64::MIN } else { i64::MAX });
    i32::try_from(now.div_euclid(DAY)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const NOON: Nanos = 1_795_348_800_000_000_000;

    #[test]
    fn each_day_has_a_count_whatever_the_order() {
        let mut counts = DayCounts::default();
        for (days, calls) in [(0, 2), (1, 3), (0, 4), (-2, 1)] {
            counts.add(NOON + days * Nanos::from(DAY), calls);
        }
        let found = [
            date(2026, 11, 20),
            date(2026, 11, 21),
            date(2026, 11, 22),
            date(2026, 11, 23),
        ];
        assert_eq!(found.map(|day| counts.get(day)), [1, 0, 6, 3]);
    }

    #[test]
    fn no_more_is_taken_back_than_there_is() {
        let mut counts = DayCounts::default();
        counts.add(NOON, 2);
        assert!(!counts.take(NOON, 3) && !counts.take(NOON + Nanos::from(DAY), 1));
        assert!(counts.take(NOON, 2));
        assert_eq!(counts.get(date(2026, 11, 22)), 0);
    }

    #[test]
    fn days_are_bounded() {
        let mut counts = DayCounts::default();
        for day in 0..1000 {
            counts.add(NOON + day * Nanos::from(DAY), 1);
        }
        assert_eq!(
            (counts.days.len(), counts.get(date(2026, 11, 22))),
            (MAX_DAYS, 0)
        );
    }
}
