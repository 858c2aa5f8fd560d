//! How many series there may be a day (UTC), all instances together.

use std::collections::HashSet;

const DAY_S: i64 = 86_400;

/// The series that have a place today, as far as this instance knows.
#[derive(Clone, Debug)]
pub struct SeriesCap {
    most: usize,
    day: i64,
    admitted: HashSet<u64>,
}

impl SeriesCap {
    /// No series yet, `most` at the end.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            day: 0,
            admitted: HashSet::new(),
        }
    }

    /// The day that an instant (in seconds since 1970) belongs to, as a number of days since then.
    #[must_use]
    pub const fn day_of(now_s: i64) -> i64 {
        now_s.div_euclid(DAY_S)
    }

    /// Begins a day: names that were used up by what is over have their places again.
    pub fn begin(&mut self, day: i64) {
        if self.day != day {
            self.day = day;
            self.admitted.clear();
        }
    }

    /// Which of these may be admitted: not there yet, the first ones first, as far as there are
    /// places.
    #[must_use]
    pub fn candidates(&self, ids: &[u64]) -> Vec<u64> {
        let places = self.most.saturating_sub(self.admitted.len());
        ids.iter()
            .copied()
            .filter(|id| !self.admitted.contains(id))
            .take(places)
            .collect()
    }

    /// How many may be there already if `more` are to find a place; `None` where they never do.
    #[must_use]
    pub const fn room_for(&self, more: usize) -> Option<usize> {
        self.most.checked_sub(more)
    }

    /// Learns which series have a place on a day. News of another day are none.
    pub fn learn(&mut self, day: i64, ids: impl IntoIterator<Item = u64>) {
        if self.day == day {
            self.admitted.extend(ids);
        }
    }

    /// Whether a series has a place.
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
    fn where_others_know_more_than_the_cap_nothing_is_admitted() {
        let mut cap = SeriesCap::new(2);
        cap.begin(1);
        cap.learn(1, [1, 2, 3]);
        assert!(cap.candidates(&[4]).is_empty());
        assert_eq!((cap.room_for(2), cap.room_for(3)), (Some(0), None));
    }
}
