//! The usage of a caller per day, in memory.

use jiff::civil::Date;

use limits::DayUsage;

/// The number of days that are kept: a report of a year, and the history of shared stores.
const MAX_DAYS: usize = 400;

/// Days with usage, in order.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    /// The last day, in place, because most calls are of that day.
    last: Option<DayUsage>,
    earlier: Vec<DayUsage>,
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
        let Some(counts) = self.find_mut(day) else {
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
        let last = self.last.filter(|last| last.date == day);
        let found = last.or_else(|| self.place(day).ok().map(|place| self.earlier[place]));
        found.unwrap_or_else(|| DayUsage::none(day))
    }

    /// Returns the charged calls of the month that begins on `month`.
    pub(crate) fn calls_in(&self, month: Date) -> u64 {
        let is_in = |day: &&DayUsage| day.date.first_of_month() == month;
        let days = self.days().filter(is_in);
        days.fold(0, |sum, day| sum.saturating_add(day.calls))
    }

    /// Returns the last day with a charged call.
    pub(crate) fn last_used(&self) -> Option<Date> {
        let used = self.days().rev().find(|day| day.calls > 0);
        used.map(|day| day.date)
    }

    fn days(&self) -> impl DoubleEndedIterator<Item = &DayUsage> {
        self.earlier.iter().chain(&self.last)
    }

    /// Returns the place of an earlier day, or the place at which to insert it.
    fn place(&self, day: Date) -> Result<usize, usize> {
        self.earlier
            .binary_search_by_key(&day, |counts| counts.date)
    }

    fn find_mut(&mut self, day: Date) -> Option<&mut DayUsage> {
        if self.last.is_some_and(|last| last.date == day) {
            return self.last.as_mut();
        }

        let place = self.place(day).ok()?;
        self.earlier.get_mut(place)
    }

    fn day(&mut self, day: Date) -> &mut DayUsage {
        match self.last {
            Some(last) if last.date > day => self.earlier_day(day),
            Some(last) if last.date == day => self.last.get_or_insert(last),
            last => {
                if let Some(last) = last {
                    self.make_room();
                    self.earlier.push(last);
                }
                self.last.insert(DayUsage::none(day))
            }
        }
    }

    fn earlier_day(&mut self, day: Date) -> &mut DayUsage {
        let place = self.place(day).unwrap_or_else(|_| {
            self.make_room();
            let place = self.earlier.partition_point(|counts| counts.date < day);
            self.earlier.insert(place, DayUsage::none(day));
            place
        });
        &mut self.earlier[place]
    }

    /// Removes the first day if there are as many as are kept.
    fn make_room(&mut self) {
        if self.earlier.len() + 1 >= MAX_DAYS {
            self.earlier.remove(0);
        }
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
            (counts.days().count(), counts.get(TODAY)),
            (MAX_DAYS, DayUsage::none(TODAY))
        );
    }
}
