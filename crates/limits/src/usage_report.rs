//! Reports on the usage of a caller, per day and per quota.

use std::sync::Arc;

use jiff::civil::Date;

use crate::{Nanos, Period, Plan, Usage, Window};

/// The maximum number of days in a report.
pub const MAX_DAYS: usize = 366;

/// The usage of one caller on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsage {
    /// The day, in the time zone of the plan that was charged.
    pub date: Date,
    /// The units of the calls that were charged, less refunds.
    pub units: u64,
    /// The number of calls that were charged, less refunds.
    pub calls: u64,
    /// The number of calls that a limit refused.
    pub refused: u64,
}

/// A report on the usage of one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// Every requested day.
    pub days: Vec<DayUsage>,
    /// True if the store has any usage of the caller, even on other days.
    pub is_recorded: bool,
    /// The usage of every quota of the plan in its current window.
    pub quotas: Vec<QuotaUsage>,
}

/// The usage of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUsage {
    /// The name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// The period after which the quota starts anew.
    pub period: Period,
    /// The number of calls per period.
    pub limit: u64,
    /// The current window.
    pub window: Window,
    /// The number of calls used in the window.
    pub used: u64,
    /// The number of calls left in the window, including granted calls.
    pub remaining: u64,
}

/// The days of a report.
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

    /// Returns the first day of every month that contains one of the days.
    pub fn months(self) -> Vec<Date> {
        let mut months: Vec<Date> = self.iter().map(Date::first_of_month).collect();
        months.dedup();
        months
    }
}

impl DayUsage {
    /// Returns a day without usage.
    #[must_use]
    pub fn none(date: Date) -> Self {
        Self {
            date,
            units: 0,
            calls: 0,
            refused: 0,
        }
    }
}

impl UsageReport {
    /// Returns the report on a caller from its usage per day and of its limits. `None` if `now` is
    /// outside the calendar.
    #[must_use]
    pub fn new(
        days: Days,
        usage_of: impl Fn(Date) -> DayUsage,
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
            days: days.iter().map(usage_of).collect(),
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
    fn report_has_1_to_366_days() {
        let days = |from, to| Days::new(from, to).map(|days| days.iter().count());
        assert_eq!(days(date(2028, 1, 1), date(2028, 12, 31)), Some(366));
        assert_eq!(days(date(2026, 1, 1), date(2027, 1, 2)), None);
        assert_eq!(days(date(2026, 1, 1), date(2026, 1, 1)), Some(1));
        assert_eq!(days(date(2026, 1, 2), date(2026, 1, 1)), None);
        assert_eq!(days(date(2026, 1, 1), date(9999, 12, 31)), None);
    }

    #[test]
    fn months_are_distinct() {
        let months = Days::new(date(2026, 11, 30), date(2027, 1, 1))
            .unwrap()
            .months();
        assert_eq!(
            months,
            [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
        );
    }
}
