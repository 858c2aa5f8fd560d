//! The query of a list of usage, and its cursor.

use jiff::Timestamp;
use jiff::civil::Date;
use limits::{Calendar, Days, MAX_DAYS, Period};
use registry::KeyFilter;

use super::invalid;
use super::key_pages::Place;
use crate::key_search::{self, METADATA};
use crate::problem::Problem;
use crate::request::accept::{CSV, JSON};
use crate::request::cursor::List;
use crate::request::query::{Parameters, QueryParameters};

const DEFAULT_ZONE: &str = "UTC";
/// The keys of a position, in its cursor.
const EXISTING: &str = "existing";
const DELETED: &str = "deleted";

/// The period of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// All days of the report.
    Total,
    /// One day.
    Day,
    /// The days of one month.
    Month,
}

/// The keys, the days and the form of a report.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(super) filter: KeyFilter,
    pub(super) by: By,
    /// True for the keys with the most calls.
    pub(super) is_ordered: bool,
    pub(super) limit: usize,
    from: Option<Date>,
    to: Option<Date>,
    /// The days in the requested time zone. `None` if each key has those of its plan.
    zone: Option<Calendar>,
    cursor: Option<String>,
}

/// Where a page begins, and the days of all pages. They stay the same if the month ends meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) days: Days,
    pub(super) place: Place,
}

/// The query for all keys.
pub(crate) struct UsageListQuery(pub(super) Selection);

/// The query for the keys of a plan.
pub(crate) struct PlanUsageQuery(pub(super) Selection);

impl QueryParameters for UsageListQuery {
    const NAMES: &'static [&'static str] = &[
        "plan",
        "name",
        "group",
        "unused_since",
        METADATA,
        "from",
        "to",
        "by",
        "time_zone",
        "order",
        "limit",
        "cursor",
    ];
    const MEDIA_TYPES: &'static [&'static str] = &[JSON, CSV];

    fn read(parameters: &mut Parameters) -> Self {
        Self(Selection::read(parameters))
    }
}

impl QueryParameters for PlanUsageQuery {
    const NAMES: &'static [&'static str] = match UsageListQuery::NAMES {
        // The path has the plan.
        [_, others @ ..] => others,
        [] => &[],
    };
    const MEDIA_TYPES: &'static [&'static str] = &[JSON, CSV];

    fn read(parameters: &mut Parameters) -> Self {
        Self(Selection::read(parameters))
    }
}

impl Selection {
    fn read(parameters: &mut Parameters) -> Self {
        let is_ordered = read_order(parameters);
        let cursor = parameters.nonempty("cursor");
        let filter = KeyFilter {
            plan: parameters.nonempty("plan"),
            name: parameters.nonempty("name"),
            group: parameters.nonempty("group"),
            unused_since: parameters.day("unused_since"),
            metadata: parameters.entries(METADATA),
            ..KeyFilter::default()
        };
        if is_ordered && cursor.is_some() {
            parameters.report("cursor", "not allowed with `order`, which has one page");
        }
        if is_ordered && filter.unused_since.is_some() {
            parameters.report("unused_since", "not allowed with `order`");
        }

        Self {
            filter,
            by: read_by(parameters),
            is_ordered,
            limit: parameters.limit(),
            from: parameters.day("from"),
            to: parameters.day("to"),
            zone: read_zone(parameters),
            cursor,
        }
    }

    /// Checks what depends on the time.
    ///
    /// # Errors
    /// 400 if the usage since a day is not known.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Problem> {
        let mistakes = key_search::parameter_mistakes(&self.filter, now);
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_parameters(mistakes))
        }
    }

    /// Returns the requested time zone.
    pub(super) fn zone_name(&self) -> Option<&str> {
        self.zone.as_ref().map(Calendar::zone_name)
    }

    /// Returns the days of the report, by default the current month to date.
    ///
    /// # Errors
    /// 400 if they are in the wrong order or too many.
    pub(super) fn days(
        &self,
        position: Option<&Position>,
        now: Timestamp,
    ) -> Result<Days, Problem> {
        if let Some(position) = position {
            return Ok(position.days);
        }

        let today = self.today(now)?;
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or(today.first_of_month());
        Days::new(from, to).ok_or_else(|| {
            let detail =
                format!("expected a day from `from` on, and at most {MAX_DAYS} days in total");
            invalid("to", detail)
        })
    }

    /// Returns the month of an ordered report, named by its first day. Calls are counted per month,
    /// so that the report covers a whole month or the current one to date.
    ///
    /// # Errors
    /// 400 for other days.
    pub(super) fn month(&self, days: Days, now: Timestamp) -> Result<Date, Problem> {
        let month = days.from.first_of_month();
        let last = month.last_of_month();
        let is_to_date = last > days.to && days.to >= self.today(now)?;

        if days.from == month && (days.to == last || is_to_date) && days.to <= last {
            Ok(month)
        } else {
            let detail =
                "`order=calls` needs the days of one month, or of the current month to date";
            Err(invalid("from", detail))
        }
    }

    fn today(&self, now: Timestamp) -> Result<Date, Problem> {
        let in_utc = || Calendar::new(Period::Day, None, None);
        let calendar = self.zone.clone().map_or_else(in_utc, Ok);
        let window = calendar
            .ok()
            .and_then(|days| days.window(now.as_nanosecond()));
        let Some(window) = window else {
            tracing::error!("the clock is outside the calendar, which ends in the year 9999");
            return Err(Problem::logged_fault());
        };
        Ok(window.id.first_day)
    }

    /// Returns the cursor of the page after a position.
    pub(super) fn cursor(&self, position: &Position) -> String {
        let Days { from, to } = position.days;
        let (phase, key_id) = match &position.place {
            Place::Existing(key_id) => (EXISTING, key_id),
            Place::Deleted(key_id) => (DELETED, key_id),
        };
        let key_id = key_id.as_deref().unwrap_or_default();
        let text = format!("{from} {to} {phase} {key_id}");
        List::Usage(&self.list()).cursor(&text)
    }

    /// Returns the position of the cursor. `None` for the first page.
    ///
    /// # Errors
    /// 400 if the cursor belongs to another list.
    pub(super) fn position(&self) -> Result<Option<Position>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };

        let text = List::Usage(&self.list()).position(cursor);
        let position = text.as_deref().and_then(read_position);
        if position.is_none() {
            let detail = "unknown cursor, expected the one that the previous page returned, with the same other parameters";
            return Err(invalid("cursor", detail));
        }
        Ok(position)
    }

    /// Returns a name of the list. Only the size of pages may change from one page to the next.
    fn list(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            self.filter,
            self.by,
            self.from,
            self.to,
            self.zone_name().unwrap_or(DEFAULT_ZONE)
        )
    }
}

fn read_position(text: &str) -> Option<Position> {
    let mut parts = text.splitn(4, ' ');
    let (from, to) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (phase, key_id) = (parts.next()?, parts.next()?);
    let key_id = Some(key_id).filter(|key_id| !key_id.is_empty());
    let key_id = key_id.map(str::to_owned);

    let place = match phase {
        EXISTING => Place::Existing(key_id),
        DELETED => Place::Deleted(key_id),
        _ => return None,
    };
    Some(Position {
        days: Days::new(from, to)?,
        place,
    })
}

fn read_by(parameters: &mut Parameters) -> By {
    match parameters.nonempty("by").as_deref() {
        None | Some("total") => By::Total,
        Some("day") => By::Day,
        Some("month") => By::Month,
        Some(_) => {
            parameters.report("by", "expected `total`, `day` or `month`");
            By::Total
        }
    }
}

fn read_order(parameters: &mut Parameters) -> bool {
    match parameters.nonempty("order").as_deref() {
        None => false,
        Some("calls") => true,
        Some(_) => {
            parameters.report("order", "expected `calls`");
            false
        }
    }
}

fn read_zone(parameters: &mut Parameters) -> Option<Calendar> {
    let name = parameters.nonempty("time_zone")?;
    let calendar = Calendar::new(Period::Day, Some(&name), None).ok();

    if calendar.is_none() {
        let detail = "unknown time zone, expected a name such as `Europe/Berlin`";
        parameters.report("time_zone", detail);
    }
    calendar
}

impl By {
    /// Returns the periods of the rows of one key.
    pub(super) fn periods(self, days: Days) -> Vec<Days> {
        let of_month = |first: Date| Days {
            from: first.max(days.from),
            to: first.last_of_month().min(days.to),
        };
        match self {
            Self::Total => vec![days],
            Self::Day => days.iter().map(|day| Days { from: day, to: day }).collect(),
            Self::Month => days.months().into_iter().map(of_month).collect(),
        }
    }
}
