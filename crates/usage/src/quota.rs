//! Calendar quotas: so many calls a day or a month.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

use crate::{Nanos, PlanError};

/// The calendar period after which a quota starts anew, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}

/// A quota as written in a plan.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaDocument {
    /// The policy's name; the period's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls a period; 0 admits none.
    pub limit: u64,
    /// When it starts anew.
    pub period: Period,
}

/// A quota, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The policy's name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// Calls a period.
    pub limit: u64,
    /// When it starts anew.
    pub period: Period,
}

/// Which window a count belongs to: the period and its first day. A plan has one quota of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowId {
    /// The period.
    pub period: Period,
    /// The window's first day.
    pub first_day: Date,
}

/// One period of a quota: from `start`, which belongs to it, to `end`, which does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Names the count.
    pub id: WindowId,
    /// Its first instant.
    pub start: Nanos,
    /// The first instant of the next.
    pub end: Nanos,
}

impl Quota {
    /// # Errors
    /// [`PlanError`] for a name or a limit that is out of range.
    pub(crate) fn new(document: QuotaDocument) -> Result<Self, PlanError> {
        let name = document.name.unwrap_or_else(|| document.period.to_string());
        crate::plan::check_policy_name(&name)?;
        if document.limit > crate::plan::MAX_LIMIT {
            return Err(PlanError::QuotaLimit { name, limit: document.limit });
        }
        Ok(Self { name: name.into(), limit: document.limit, period: document.period })
    }

    /// The window that `now` falls in. `None` where the calendar does not reach (it ends in the year 9999).
    #[must_use]
    pub fn window(&self, now: Nanos) -> Option<Window> {
        let today = day_of(now)?;
        let first_day = match self.period {
            Period::Day => today,
            Period::Month => today.first_of_month(),
        };
        WindowId { period: self.period, first_day }.window()
    }

    /// One of `instances` equal shares of it, at least one call where it is not 0.
    pub(crate) fn share(&self, instances: u32) -> Self {
        Self { limit: (self.limit / u64::from(instances)).max(self.limit.min(1)), ..self.clone() }
    }
}

impl WindowId {
    /// From when to when it lasts. `None` where the calendar does not reach.
    #[must_use]
    pub fn window(self) -> Option<Window> {
        let last_day = match self.period {
            Period::Day => self.first_day,
            Period::Month => self.first_day.last_of_month(),
        };
        let next = last_day.tomorrow().ok()?;
        Some(Window { id: self, start: midnight(self.first_day)?, end: midnight(next)? })
    }
}

/// The calendar day, in UTC, that an instant falls in.
pub(crate) fn day_of(now: Nanos) -> Option<Date> {
    Some(Offset::UTC.to_datetime(Timestamp::from_nanosecond(now).ok()?).date())
}

fn midnight(day: Date) -> Option<Nanos> {
    Some(Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SECOND;

    fn at(text: &str) -> Nanos {
        text.parse::<Timestamp>().unwrap().as_nanosecond()
    }

    fn window(period: Period, now: &str) -> Window {
        Quota { name: "q".into(), limit: 1, period }.window(at(now)).unwrap()
    }

    #[test]
    fn the_last_nanosecond_belongs_to_the_old_day_and_midnight_to_the_new() {
        let old = window(Period::Day, "2026-11-21T23:59:59.999999999Z");
        let new = window(Period::Day, "2026-11-22T00:00:00Z");
        assert_eq!(old.end, new.start);
        assert_ne!(old.id, new.id);
        assert_eq!(new.end - new.start, 86_400 * SECOND);
    }

    #[test]
    fn a_month_ends_where_the_calendar_says() {
        for (now, end) in [
            ("2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z"),
            ("2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
            ("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(window(Period::Month, now).end, at(end), "{now}");
        }
    }

    #[test]
    fn a_clock_before_1970_still_has_a_day() {
        assert_eq!(window(Period::Day, "1969-12-31T23:00:00Z").end, 0);
    }

    #[test]
    fn an_instant_beyond_the_calendar_has_no_window() {
        assert_eq!(Quota { name: "q".into(), limit: 1, period: Period::Day }.window(Nanos::MAX), None);
    }
}
