//! Calendar windows: days, weeks and months, in a time zone, from a day on which they start.
//!
//! The rules of time zones are those that the release was built with (jiff's own copy of the IANA
//! database): every instance has the same, whatever its system has.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Nanos;
use crate::time_zone::{UTC, canonical_name};

/// The calendar period after which a quota starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// Seven days, from the day on which it starts.
    Week,
    /// From one day of a month to the same day of the next.
    Month,
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

/// How time is cut into windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// How long a window is.
    pub period: Period,
    /// `None` for UTC.
    zone: Option<TimeZone>,
    /// A week's first day, 1 to 7 from Monday, or a month's, 1 to 31: its last where it has fewer.
    starts_on: i8,
    /// Names its windows.
    id: CalendarId,
}

/// Tells calendars apart: two quotas may count days, each in a time zone of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalendarId(pub u32);

/// Which window a count belongs to: the calendar and the window's first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowId {
    /// Whose window.
    pub calendar: CalendarId,
    /// By the calendar's own clock.
    pub first_day: Date,
}

/// One period of a calendar: from `start`, which belongs to it, to `end`, which does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Names the count.
    pub id: WindowId,
    /// Its first instant.
    pub start: Nanos,
    /// The first instant of the next.
    pub end: Nanos,
}

/// What is wrong with a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarError {
    /// The day on which it starts.
    StartsOn(&'static str),
    /// No such zone.
    TimeZone,
}

impl CalendarId {
    /// How many ids there are beside the two with names of their own: what five digits of base 36
    /// hold.
    pub const IDS: u32 = 36_u32.pow(5);
    /// Days in UTC.
    pub const DAY: Self = Self(Self::IDS);
    /// Months in UTC from the first.
    pub const MONTH: Self = Self(Self::IDS + 1);
}

impl Calendar {
    /// Days in UTC.
    #[cfg(test)]
    pub fn days() -> Self {
        Self {
            period: Period::Day,
            zone: None,
            starts_on: 1,
            id: CalendarId::DAY,
        }
    }

    /// The calendar of a quota. All names of a time zone make the same calendar.
    ///
    /// # Errors
    /// [`CalendarError`] for a zone or a first day that there is not.
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

    /// The calendar of a quota as the registry has it. Its windows are named by the spelling of its
    /// time zone, as earlier releases named them: they stored an alias as it was sent. See
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
        let zone = zone.filter(|name| !name.eq_ignore_ascii_case(UTC));
        let id = match (period, zone, starts_on) {
            (Period::Day, None, _) => CalendarId::DAY,
            (Period::Month, None, 1) => CalendarId::MONTH,
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
        })
    }

    /// Returns the id that names the windows of this calendar.
    pub fn id(&self) -> CalendarId {
        self.id
    }

    /// The window that `now` falls in. `None` where the calendar does not reach (it ends in the
    /// year 9999).
    #[must_use]
    pub fn window(&self, now: Nanos) -> Option<Window> {
        let first_day = self.first_day_of(self.day_of(now)?)?;
        let (start, end) = (
            self.midnight(first_day)?,
            self.midnight(self.next(first_day)?)?,
        );
        Some(Window {
            id: WindowId {
                calendar: self.id,
                first_day,
            },
            start,
            end,
        })
    }

    fn day_of(&self, now: Nanos) -> Option<Date> {
        let instant = Timestamp::from_nanosecond(now).ok()?;
        Some(match &self.zone {
            None => Offset::UTC.to_datetime(instant).date(),
            Some(zone) => zone.to_datetime(instant).date(),
        })
    }

    /// A day that begins within a gap, as where summer time begins at midnight, begins when the gap
    /// is over; one that begins twice begins the first time.
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
            Period::Day => Some(day),
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
            Period::Day => first_day.tomorrow().ok(),
            Period::Week => first_day.checked_add(7.days()).ok(),
            Period::Month => self.first_day_in(first_day.last_of_month().tomorrow().ok()?),
        }
    }

    /// The window's first day in the month of which `first` is the first.
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
    /// The latest instant at which the window can end, for one whose calendar is not at hand.
    pub fn latest_end(self) -> Option<Nanos> {
        let days = match self.calendar {
            CalendarId::DAY => 1,
            CalendarId::MONTH => self.first_day.days_in_month(),
            // A month, and the half day that zones are behind UTC.
            _ => 32,
        };
        Some(
            Offset::UTC
                .to_timestamp(self.first_day.checked_add(days.days()).ok()?.at(0, 0, 0, 0))
                .ok()?
                .as_nanosecond(),
        )
    }
}

fn last_month(day: Date) -> Option<Date> {
    Some(day.first_of_month().yesterday().ok()?.first_of_month())
}

fn first_day(period: Period, starts_on: Option<u8>) -> Result<i8, CalendarError> {
    let (latest, problem) = match period {
        Period::Day if starts_on.is_some() => {
            return Err(CalendarError::StartsOn("a day starts at midnight"));
        }
        Period::Day => return Ok(1),
        Period::Week => (7, "it is from 1 (Monday) to 7 (Sunday)"),
        Period::Month => (31, "it is from 1 to 31"),
    };
    let day = i8::try_from(starts_on.unwrap_or(1)).ok();
    day.filter(|day| (1..=latest).contains(day))
        .ok_or(CalendarError::StartsOn(problem))
}

/// `zone` is the canonical name of the time zone, or the spelling that an earlier release stored.
fn id_of(period: Period, zone: Option<&str>, starts_on: i8) -> CalendarId {
    let text = format!("{period} {starts_on} {}", zone.unwrap_or_default());
    let hash = Sha256::digest(text.as_bytes());
    let number = hash
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    CalendarId(u32::try_from(number % u64::from(CalendarId::IDS)).unwrap_or_default())
}

/// The calendar day, in UTC, that an instant falls in.
pub fn day_of(now: Nanos) -> Option<Date> {
    Some(
        Offset::UTC
            .to_datetime(Timestamp::from_nanosecond(now).ok()?)
            .date(),
    )
}

/// When the day (UTC) is over that an instant falls in.
pub fn day_end(now: Nanos) -> Nanos {
    const DAY: Nanos = 86_400 * crate::SECOND;
    (now.div_euclid(DAY) + 1) * DAY
}

#[cfg(test)]
mod tests;
