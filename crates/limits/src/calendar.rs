//! Calendar windows: hours, days, weeks, months and years, and one window that never ends.
//!
//! Time zone rules come from the copy of the IANA database that jiff compiles in. All instances of
//! a release therefore have the same rules, whatever their operating system has.

mod last_window;

use std::fmt;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::last_window::LastWindow;
use crate::time_zone::{UTC, canonical_name};
use crate::{Nanos, SECOND};

/// One hour.
const HOUR: Nanos = 3600 * SECOND;
/// The day that names the window of all time.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// The calendar period after which a quota starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// An hour, from one full hour in UTC to the next.
    Hour,
    /// A day, from midnight to midnight.
    Day,
    /// Seven days, from the first day of the week.
    Week,
    /// A month, from a day of one month to the same day of the next.
    Month,
    /// A year, from the first of January.
    Year,
    /// All time. The quota never starts anew, and only grants raise it.
    Total,
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Total => "total",
        })
    }
}

/// A division of time into windows of one period each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The length of a window.
    pub period: Period,
    /// The time zone, or `None` for UTC.
    zone: Option<TimeZone>,
    /// The first day of a week, 1 (Monday) to 7, or of a month, 1 to 31. Shorter months start on
    /// their last day.
    starts_on: i8,
    /// The id of the calendar, which its windows have too.
    id: CalendarId,
    /// The window that was computed last.
    last: LastWindow,
}

/// The id of a calendar. Two quotas may count days in different time zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalendarId(pub u32);

/// The id of a window: its calendar and its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowId {
    /// The calendar of the window.
    pub calendar: CalendarId,
    /// The first day of the window, in the time zone of its calendar. Of an hour, its day.
    pub first_day: Date,
}

/// One period of a calendar, from `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The id under which the window is counted.
    pub id: WindowId,
    /// The first instant of the window.
    pub start: Nanos,
    /// The first instant of the next window.
    pub end: Nanos,
}

/// The error for an invalid calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarError {
    /// The first day is invalid. The text says what is expected.
    StartsOn(&'static str),
    /// The period has no time zone. The text says why.
    NoTimeZone(&'static str),
    /// The time zone is unknown.
    TimeZone,
}

impl CalendarId {
    /// The number of ids that are hashes. In base 36 they have five digits.
    pub const IDS: u32 = 36_u32.pow(5);
    /// The id of days in UTC.
    pub const DAY: Self = Self(Self::IDS);
    /// The id of months in UTC that start on the first.
    pub const MONTH: Self = Self(Self::IDS + 1);
    /// The id of all time.
    pub const TOTAL: Self = Self(Self::IDS + 2);
    /// The id of years in UTC.
    pub const YEAR: Self = Self(Self::IDS + 3);
    /// The id of the first hour of each day in UTC. The other hours follow.
    const FIRST_HOUR: u32 = Self::IDS + 4;
    /// The first id of years in other time zones, whose hashes follow.
    const ZONED_YEARS: u32 = 2 * Self::IDS;

    /// Returns the id of one hour, 0 to 23, of each day in UTC.
    #[must_use]
    pub fn of_hour(hour: u8) -> Self {
        Self(Self::FIRST_HOUR + u32::from(hour))
    }

    /// Returns the hour of the day if its windows are hours.
    #[must_use]
    pub fn hour(self) -> Option<u8> {
        let hour = self.0.checked_sub(Self::FIRST_HOUR)?;
        u8::try_from(hour).ok().filter(|hour| *hour < 24)
    }

    /// Returns the id of years in a time zone other than UTC, given its hash.
    #[must_use]
    pub fn of_zoned_year(hash: u32) -> Self {
        Self(Self::ZONED_YEARS + hash % Self::IDS)
    }

    /// Returns the hash if its windows are years in a time zone other than UTC.
    #[must_use]
    pub fn zoned_year(self) -> Option<u32> {
        self.0
            .checked_sub(Self::ZONED_YEARS)
            .filter(|hash| *hash < Self::IDS)
    }
}

impl Window {
    /// The end of a window that never ends: the last second of the calendar, in the year 9999.
    pub const NEVER: Nanos = 253_402_300_799 * SECOND;

    /// True if the window never ends.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.end >= Self::NEVER
    }
}

impl Calendar {
    /// Returns the calendar of days in UTC.
    pub(crate) fn days() -> Self {
        Self {
            period: Period::Day,
            zone: None,
            starts_on: 1,
            id: CalendarId::DAY,
            last: LastWindow::default(),
        }
    }

    /// Returns the calendar of a quota. All names of a time zone yield the same calendar.
    ///
    /// # Errors
    /// `CalendarError` if the time zone is unknown or the first day is out of range.
    pub fn new(
        period: Period,
        zone: Option<&str>,
        starts_on: Option<u8>,
    ) -> Result<Self, CalendarError> {
        let zone = zone
            .map(|name| canonical_name(name).ok_or(CalendarError::TimeZone))
            .transpose()?;
        Self::from_stored(period, zone, starts_on)
    }

    /// Returns the calendar of a quota in the registry. Its id depends on the spelling of the time
    /// zone, because earlier releases stored an alias as it was sent. See
    /// [`QuotaDocument::stored`](crate::QuotaDocument).
    ///
    /// # Errors
    /// As for [`Calendar::new`].
    pub fn from_stored(
        period: Period,
        zone: Option<&str>,
        starts_on: Option<u8>,
    ) -> Result<Self, CalendarError> {
        let starts_on = first_day(period, starts_on)?;
        reject_zone(period, zone)?;
        let zone = zone.filter(|name| !name.eq_ignore_ascii_case(UTC));

        let id = match (period, zone, starts_on) {
            (Period::Hour, _, _) => CalendarId::of_hour(0),
            (Period::Day, None, _) => CalendarId::DAY,
            (Period::Month, None, 1) => CalendarId::MONTH,
            (Period::Year, None, _) => CalendarId::YEAR,
            (Period::Year, Some(_), _) => {
                CalendarId::of_zoned_year(id_of(period, zone, starts_on).0)
            }
            (Period::Total, _, _) => CalendarId::TOTAL,
            _ => id_of(period, zone, starts_on),
        };
        let zone = zone
            .map(TimeZone::get)
            .transpose()
            .map_err(|_| CalendarError::TimeZone)?;

        Ok(Self {
            period,
            zone,
            starts_on,
            id,
            last: LastWindow::default(),
        })
    }

    /// Returns the id of the calendar, which its windows have too. Each hour of the day has another
    /// one.
    pub fn id(&self) -> CalendarId {
        self.id
    }

    /// Returns the window that contains `now`. `None` if `now` is outside the calendar, which ends
    /// in the year 9999.
    #[must_use]
    pub fn window(&self, now: Nanos) -> Option<Window> {
        match self.period {
            Period::Hour => return hour(now),
            Period::Total => return total(now),
            _ => {}
        }

        let known = self.last.containing(now);
        let (start, end, first_day) = match known {
            Some(known) => known,
            None => self.compute_window(now)?,
        };

        let id = WindowId {
            calendar: self.id,
            first_day,
        };
        Some(Window { id, start, end })
    }

    /// Returns start, end and first day of the window that contains `now`, and remembers them.
    fn compute_window(&self, now: Nanos) -> Option<(Nanos, Nanos, Date)> {
        let first_day = self.first_day_of(self.day_of(now)?)?;
        let start = self.midnight(first_day)?;
        let end = self.midnight(self.next(first_day)?)?;

        // If midnight occurs twice, the day before may go on after the first one.
        if !self.is_midnight_repeated(first_day) {
            self.last.set(start, end, first_day);
        }
        Some((start, end, first_day))
    }

    fn is_midnight_repeated(&self, day: Date) -> bool {
        self.zone.as_ref().is_some_and(|zone| {
            let midnight = zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0));
            matches!(midnight.offset(), AmbiguousOffset::Fold { .. })
        })
    }

    /// Returns the name of the time zone.
    pub fn zone_name(&self) -> &str {
        self.zone
            .as_ref()
            .and_then(TimeZone::iana_name)
            .unwrap_or(UTC)
    }

    /// Returns the day that contains `now`, of a calendar of days. `None` if `now` is outside the
    /// calendar.
    pub(crate) fn day(&self, now: Nanos) -> Option<Date> {
        if let Some((_, _, day)) = self.last.containing(now) {
            return Some(day);
        }

        match self.compute_window(now) {
            Some((_, _, day)) => Some(day),
            // The last day of the calendar has no window, because it has no end.
            None => self.day_of(now),
        }
    }

    /// Returns the day that contains `now`. `None` if `now` is outside the calendar.
    fn day_of(&self, now: Nanos) -> Option<Date> {
        let instant = Timestamp::from_nanosecond(now).ok()?;
        Some(match &self.zone {
            None => Offset::UTC.to_datetime(instant).date(),
            Some(zone) => zone.to_datetime(instant).date(),
        })
    }

    /// Returns the first instant of a day. If the clock skips midnight, the day begins after the
    /// gap. If midnight occurs twice, the day begins at the first one.
    fn midnight(&self, day: Date) -> Option<Nanos> {
        let midnight = day.at(0, 0, 0, 0);

        let instant = match &self.zone {
            None => Offset::UTC.to_timestamp(midnight).ok()?,
            Some(zone) => zone.to_ambiguous_timestamp(midnight).compatible().ok()?,
        };
        Some(instant.as_nanosecond())
    }

    fn first_day_of(&self, day: Date) -> Option<Date> {
        match self.period {
            Period::Hour | Period::Day | Period::Total => Some(day),
            Period::Year => Some(day.first_of_year()),
            Period::Week => {
                let since = (day.weekday().to_monday_one_offset() - self.starts_on).rem_euclid(7);
                day.checked_sub(since.days()).ok()
            }
            Period::Month => {
                let first_day = self.first_day_in(day.first_of_month())?;
                if first_day <= day {
                    Some(first_day)
                } else {
                    self.first_day_in(last_month(day)?)
                }
            }
        }
    }

    fn next(&self, first_day: Date) -> Option<Date> {
        match self.period {
            Period::Hour | Period::Day | Period::Total => first_day.tomorrow().ok(),
            Period::Year => first_day.last_of_year().tomorrow().ok(),
            Period::Week => first_day.checked_add(7.days()).ok(),
            Period::Month => self.first_day_in(first_day.last_of_month().tomorrow().ok()?),
        }
    }

    /// Returns the day on which a window starts in a month, given the first of that month.
    fn first_day_in(&self, first: Date) -> Option<Date> {
        Date::new(
            first.year(),
            first.month(),
            self.starts_on.min(first.days_in_month()),
        )
        .ok()
    }
}

impl WindowId {
    /// Returns the latest instant at which the window can end. Its calendar need not be known.
    /// `None` if that instant is outside the calendar.
    pub fn latest_end(self) -> Option<Nanos> {
        if self.calendar == CalendarId::TOTAL {
            return Some(Window::NEVER);
        }
        if let Some(hour) = self.calendar.hour() {
            return Some(midnight_of(self.first_day)? + Nanos::from(hour + 1) * HOUR);
        }

        let days: i16 = match self.calendar {
            CalendarId::DAY => 1,
            CalendarId::MONTH => self.first_day.days_in_month().into(),
            CalendarId::YEAR => self.first_day.days_in_year(),
            // The longest year or month, plus one day, because zones are up to half a day behind UTC.
            calendar if calendar.zoned_year().is_some() => 367,
            _ => 32,
        };
        midnight_of(self.first_day.checked_add(days.days()).ok()?)
    }
}

/// Returns the first instant of a day in UTC.
fn midnight_of(day: Date) -> Option<Nanos> {
    let midnight = Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_nanosecond())
}

/// Returns the hour that contains `now`.
fn hour(now: Nanos) -> Option<Window> {
    let start = now.div_euclid(HOUR) * HOUR;
    let begin = Offset::UTC.to_datetime(Timestamp::from_nanosecond(start).ok()?);

    Some(Window {
        id: WindowId {
            calendar: CalendarId::of_hour(u8::try_from(begin.hour()).ok()?),
            first_day: begin.date(),
        },
        start,
        end: start + HOUR,
    })
}

/// Returns the window that never ends.
fn total(now: Nanos) -> Option<Window> {
    let window = Window {
        id: WindowId {
            calendar: CalendarId::TOTAL,
            first_day: EPOCH,
        },
        start: 0,
        end: Window::NEVER,
    };
    (now < Window::NEVER).then_some(window)
}

fn reject_zone(period: Period, zone: Option<&str>) -> Result<(), CalendarError> {
    let expected = match period {
        Period::Hour => "expected none, because hours are those of UTC",
        Period::Total => "expected none, because all time has no first day",
        _ => return Ok(()),
    };
    match zone {
        Some(_) => Err(CalendarError::NoTimeZone(expected)),
        None => Ok(()),
    }
}

fn last_month(day: Date) -> Option<Date> {
    Some(day.first_of_month().yesterday().ok()?.first_of_month())
}

fn first_day(period: Period, starts_on: Option<u8>) -> Result<i8, CalendarError> {
    let (last, expected) = match period {
        Period::Day if starts_on.is_some() => {
            let expected = "expected no first day, because a day starts at midnight";
            return Err(CalendarError::StartsOn(expected));
        }
        Period::Hour | Period::Year | Period::Total if starts_on.is_some() => {
            let expected = "expected no first day, which only a week or a month has";
            return Err(CalendarError::StartsOn(expected));
        }
        Period::Hour | Period::Day | Period::Year | Period::Total => return Ok(1),
        Period::Week => (7, "expected 1 (Monday) to 7 (Sunday)"),
        Period::Month => (31, "expected 1 to 31"),
    };

    let day = i8::try_from(starts_on.unwrap_or(1)).ok();
    day.filter(|day| (1..=last).contains(day))
        .ok_or(CalendarError::StartsOn(expected))
}

/// Returns a hash of the calendar. `zone` is the canonical name of the time zone, or the spelling
/// that an earlier release stored.
fn id_of(period: Period, zone: Option<&str>, starts_on: i8) -> CalendarId {
    let text = format!("{period} {starts_on} {}", zone.unwrap_or_default());
    let hash = Sha256::digest(text.as_bytes());

    let number = hash
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    CalendarId(u32::try_from(number % u64::from(CalendarId::IDS)).unwrap_or_default())
}

/// Returns the UTC day that contains an instant. `None` if the instant is outside the calendar.
pub fn day_of(now: Nanos) -> Option<Date> {
    Some(
        Offset::UTC
            .to_datetime(Timestamp::from_nanosecond(now).ok()?)
            .date(),
    )
}

/// Returns the end of the UTC day that contains an instant.
pub fn day_end(now: Nanos) -> Nanos {
    const DAY: Nanos = 24 * HOUR;
    (now.div_euclid(DAY) + 1) * DAY
}

#[cfg(test)]
mod tests;
