//! The usage of many callers, for reports.

use jiff::civil::Date;
use limits::{Caller, DayUsage};

/// A caller in a report on many callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedCaller {
    /// The caller.
    pub caller: Caller,
    /// True if its calls are charged to its group or its plan, so that they are figures.
    pub has_figures: bool,
}

/// The days of one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerDays {
    /// The requested days that have usage, in order.
    pub days: Vec<DayUsage>,
    /// True if the store has any usage of the caller, even on other days.
    pub is_recorded: bool,
}

impl CallerDays {
    /// Returns the days with usage among `days`.
    pub(crate) fn new(days: impl Iterator<Item = DayUsage>, is_recorded: bool) -> Self {
        let is_used = |day: &DayUsage| *day != DayUsage::none(day.date);
        Self {
            days: days.filter(is_used).collect(),
            is_recorded,
        }
    }

    /// Returns the number of charged calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.days
            .iter()
            .fold(0, |sum, day| sum.saturating_add(day.calls))
    }

    /// Returns the last day with a charged call.
    #[must_use]
    pub fn last_used(&self) -> Option<Date> {
        let used = self.days.iter().rev().find(|day| day.calls > 0);
        used.map(|day| day.date)
    }
}
