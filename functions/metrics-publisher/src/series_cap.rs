//! The maximum number of series per day (UTC), across all instances.

use std::collections::HashSet;

const DAY_S: i64 = 86_400;

/// The series that are admitted today, as far as this instance knows.
#[derive(Clone, Debug)]
pub struct SeriesCap {
    max_series: usize,
    day: i64,
    admitted: HashSet<u64>,
}

impl SeriesCap {
    /// Creates an empty cap for at most `max_series` series.
    #[must_use]
    pub fn new(max_series: usize) -> Self {
        Self {
            max_series,
            day: 0,
            admitted: HashSet::new(),
        }
    }

    /// Returns the day of an instant in seconds since 1970, as a number of days since then.
    #[must_use]
    pub const fn day_of(now_s: i64) -> i64 {
        now_s.div_euclid(DAY_S)
    }

    /// Starts a day. On a new day, no series is admitted yet.
    pub fn begin(&mut self, day: i64) {
        if self.day != day {
            self.day = day;
            self.admitted.clear();
        }
    }

    /// Returns the series that are not admitted yet, as many of the first ones as the maximum
    /// allows.
    #[must_use]
    pub fn candidates(&self, ids: &[u64]) -> Vec<u64> {
        let places = self.max_series.saturating_sub(self.admitted.len());
        ids.iter()
            .copied()
            .filter(|id| !self.admitted.contains(id))
            .take(places)
            .collect()
    }

    /// Returns how many series may be admitted already so that `more` fit. `None` if they never fit.
    #[must_use]
    pub const fn room_for(&self, more: usize) -> Option<usize> {
        self.max_series.checked_sub(more)
    }

    /// Adds the admitted series of a day. Those of another day are ignored.
    pub fn learn(&mut self, day: i64, ids: impl IntoIterator<Item = u64>) {
        if self.day == day {
            self.admitted.extend(ids);
        }
    }

    /// Returns whether a series is admitted.
    #[must_use]
    pub fn admits(&self, id: u64) -> bool {
        self.admitted.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_in_order_until_there_are_none() {
        let mut cap = SeriesCap::new(3);
        cap.begin(7);
        assert_eq!(cap.candidates(&[1, 2, 3, 4]), [1, 2, 3]);
        cap.learn(7, [1, 9]);
        assert_eq!(cap.candidates(&[1, 2, 3]), [2]);
        cap.learn(7, [2]);
        assert!(cap.candidates(&[3]).is_empty());
        assert!(cap.admits(9) && !cap.admits(3));
    }

    #[test]
    fn a_new_day_begins_without_series() {
        let mut cap = SeriesCap::new(1);
        cap.begin(SeriesCap::day_of(86_399));
        cap.learn(0, [1]);
        cap.begin(SeriesCap::day_of(86_400));
        assert_eq!(cap.candidates(&[2]), [2]);
        cap.learn(0, [3]);
        assert!(!cap.admits(1) && !cap.admits(3));
    }

    #[test]
    fn nothing_is_admitted_if_other_instances_exceed_the_cap() {
        let mut cap = SeriesCap::new(2);
        cap.begin(1);
        cap.learn(1, [1, 2, 3]);
        assert!(cap.candidates(&[4]).is_empty());
        assert_eq!((cap.room_for(2), cap.room_for(3)), (Some(0), None));
    }
}
