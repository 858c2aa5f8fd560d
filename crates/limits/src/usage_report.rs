//! What a caller has used: day by day, and of each quota.

use std::sync::Arc;

use jiff::civil::Date;

use crate::{Nanos, Period, Plan, Usage, Window};

/// As many days as a report has at most.
pub const MAX_DAYS: usize = 366;

/// A report on one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// Every day (UTC) that was asked for, with the caller's own units.
    pub days: Vec<(Date, u64)>,
    /// True if the store has anything about the caller, on whatever day.
    pub is_recorded: bool,
    /// Every quota of the plan, as its present window stands.
    pub quotas: Vec<QuotaUsage>,
}

/// How a quota stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUsage {
    /// The policy's name.
    pub name: Arc<str>,
    /// When it starts anew.
    pub period: Period,
    /// Calls a period.
    pub limit: u64,
    /// The present window.
    pub window: Window,
    /// Calls used in it.
    pub used: u64,
    /// Calls left in it, what was granted included.
    pub remaining: u64,
}

/// Which days a report is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl Days {
    /// Returns the days from `from` to `to`, both included. `None` if `to` is before `from` or if
    /// there are more than [`MAX_DAYS`] days.
    #[must_use]
    pub fn new(from: Date, to: Date) -> Option<Self> {
        let days = Self { from, to };
        let is_valid = from <= to && days.iter().nth(MAX_DAYS).is_none();
        is_valid.then_some(days)
    }

    /// Returns every day, in order.
    pub fn iter(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.from), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= self.to)
    }

    /// The first of each month that a day of it lies in.
    pub fn months(self) -> Vec<Date> {
        let mut months: Vec<Date> = self.iter().map(Date::first_of_month).collect();
        months.dedup();
        months
    }
}

impl UsageReport {
    /// Returns the report on a caller from its units per day and its usage. `None` if `now` is
    /// outside the calendar.
    #[must_use]
    pub fn new(
        days: Days,
        units: impl Fn(Date) -> u64,
        is_recorded: bool,
        plan: Option<&Plan>,
        usage: &Usage,
        now: Nanos,
    ) -> Option<Self> {
        let quota = |quota: &crate::Quota| {
            let window = quota.window(now)?;
            let left = i64::try_from(quota.limit)
                .unwrap_or(i64::MAX)
                .saturating_sub(usage.count(window.id));
            Some(QuotaUsage {
                name: Arc::clone(&quota.name),
                period: quota.calendar.period,
                limit: quota.limit,
                window,
                used: usage.used(window.id),
                remaining: u64::try_from(left).unwrap_or(0),
            })
        };
        let quotas = plan
            .iter()
            .flat_map(|plan| &plan.quotas)
            .map(quota)
            .collect::<Option<_>>()?;

        Some(Self {
            days: days.iter().map(|day| (day, units(day))).collect(),
            is_recorded,
            quotas,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_report_has_one_to_366_days() {
        let days = |from, to| Days::new(from, to).map(|days| days.iter().count());
        assert_eq!(days(date(2028, 1, 1), date(2028, 12, 31)), Some(366));
        assert_eq!(days(date(2026, 1, 1), date(2027, 1, 2)), None);
        assert_eq!(days(date(2026, 1, 1), date(2026, 1, 1)), Some(1));
        assert_eq!(days(date(2026, 1, 2), date(2026, 1, 1)), None);
        assert_eq!(days(date(2026, 1, 1), date(9999, 12, 31)), None);
    }

    #[test]
    fn each_month_is_named_once() {
        let months = Days::new(date(2026, 11, 30), date(2027, 1, 1))
            .unwrap()
            .months();
        assert_eq!(
            months,
            [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
        );
    }
}
