//! The usage of a caller per day, in memory.

use jiff::civil::Date;

use limits::DayUsage;

/// The number of days that are kept: a report of a year, and the history of shared stores.
const MAX_DAYS: usize = 400;

/// Days with usage, in order.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    days: Vec<DayUsage>,
}

impl DayCounts {
    /// Counts calls that cost `units` together.
    pub(crate) fn add(&mut self, day: Date, units: u64, calls: u64) {
        let counts = self.day(day);
        counts.units = counts.units.saturating_add(units);
        counts.calls = counts.calls.saturating_add(calls);
    }

    /// Counts a call that a limit refused.
    pub(crate) fn refuse(&mut self, day: Date) {
        self.day(day).refused += 1;
    }

    /// Subtracts one call that cost `units`. Returns false if the day has fewer.
    pub(crate) fn take(&mut self, day: Date, units: u64) -> bool {
        let Some(counts) = self.find(day).map(|place| &mut self.days[place]) else {
            return false;
        };
        if counts.units < units {
            return false;
        }

        counts.units -= units;
        counts.calls = counts.calls.saturating_sub(1);
        true
    }

    pub(crate) fn get(&self, day: Date) -> DayUsage {
        self.find(day)
            .map_or_else(|| DayUsage::none(day), |place| self.days[place])
    }

    /// Returns the charged calls of the month that begins on `month`.
    pub(crate) fn calls_in(&self, month: Date) -> u64 {
        let is_in = |day: &&DayUsage| day.date.first_of_month() == month;
        let days = self.days.iter().filter(is_in);
        days.fold(0, |sum, day| sum.saturating_add(day.calls))
    }

    /// Returns the last day with a charged call.
    pub(crate) fn last_used(&self) -> Option<Date> {
        let used = self.days.iter().rev().find(|day| day.calls > 0);
        used.map(|day| day.date)
    }

    fn find(&self, day: Date) -> Option<usize> {
        // Most calls are of the last day.
        match self.days.last() {
            Some(last) if last.date == day => Some(self.days.len() - 1),
            _ => self
                .days
                .binary_search_by_key(&day, |counts| counts.date)
                .ok(),
        }
    }

    fn day(&mut self, day: Date) -> &mut DayUsage {
        let place = self.find(day).unwrap_or_else(|| self.insert(day));
        &mut self.days[place]
    }

    /// Returns the place of a new day. The first day makes room for it.
    fn insert(&mut self, day: Date) -> usize {
        if self.days.len() >= MAX_DAYS {
            self.days.remove(0);
        }
        let place = self.days.partition_point(|counts| counts.date < day);
        self.days.insert(place, DayUsage::none(day));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 22);

    #[test]
    fn each_day_is_counted_in_any_order() {
        let mut counts = DayCounts::default();
        for (days, units) in [(0, 2), (1, 3), (0, 4), (-2, 1)] {
            counts.add(TODAY + days.days(), units, 1);
        }
        counts.refuse(TODAY);

        let found = [-2, -1, 0, 1].map(|days: i64| counts.get(TODAY + days.days()));
        assert_eq!(found.map(|day| day.units), [1, 0, 6, 3]);
        assert_eq!(found.map(|day| day.calls), [1, 0, 2, 1]);
        assert_eq!(found.map(|day| day.refused), [0, 0, 1, 0]);
        assert_eq!(counts.last_used(), Some(date(2026, 11, 23)));
    }

    #[test]
    fn refund_never_exceeds_the_day() {
        let mut counts = DayCounts::default();
        counts.add(TODAY, 2, 1);
        assert!(!counts.take(TODAY, 3) && !counts.take(date(2026, 11, 23), 1));
        assert!(counts.take(TODAY, 2));
        assert_eq!(counts.get(TODAY), DayUsage::none(TODAY));
        assert_eq!(counts.last_used(), None);
    }

    #[test]
    fn days_are_bounded() {
        let mut counts = DayCounts::default();
        for day in 0..1000 {
            counts.add(TODAY + i64::from(day).days(), 1, 1);
        }
        assert_eq!(
            (counts.days.len(), counts.get(TODAY)),
            (MAX_DAYS, DayUsage::none(TODAY))
        );
    }
}
