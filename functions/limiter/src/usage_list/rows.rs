//! The rows of a report on many keys, as JSON and as CSV.

use jiff::Timestamp;
use jiff::civil::Date;
use limits::{Caller, Days};
use serde::Serialize;
use store::CallerDays;
use utoipa::ToSchema;

use super::ReportedKey;
use super::plans::ReportedPlans;
use super::query::By;
use crate::csv_file::csv_file;
use crate::problem::Problem;
use key_file::formula::escape;

/// The most rows of a page, unless one key has more.
const MAX_PAGE_ROWS: usize = 5_000;
/// The most usage items that a page reads, unless one key has more.
const MAX_USAGE_READS: usize = 500;
/// The size after which a page ends. A Lambda response has at most 6 MB.
const MAX_PAGE_BYTES: usize = 4_000_000;
const COLUMNS: [&str; 11] = [
    "key_id",
    "name",
    "group",
    "plan",
    "time_zone",
    "from",
    "to",
    "calls",
    "units",
    "refused",
    "deleted_at",
];

/// The usage of a key in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UsageRow)]
pub(super) struct Row {
    /// The id of the key.
    key_id: String,
    /// The name of the key.
    #[schema(required)]
    name: Option<String>,
    /// The group of the key.
    #[schema(required)]
    group: Option<String>,
    /// The plan of the key.
    plan: String,
    /// The time zone in which the plan counts days. Null if the plan was deleted.
    #[schema(required)]
    time_zone: Option<String>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// The calls that were charged.
    calls: u64,
    /// The units of these calls.
    units: u64,
    /// The calls that a limit refused.
    refused: u64,
    /// The time at which the key was deleted. Absent if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
}

/// The rows that were read, and what is needed to read more.
pub(super) struct Rows<'s> {
    pub(super) items: Vec<Row>,
    pub(super) plans: ReportedPlans<'s>,
    days: Days,
    periods: Vec<Days>,
}

impl<'s> Rows<'s> {
    pub(super) fn new(by: By, days: Days, plans: ReportedPlans<'s>) -> Self {
        Self {
            items: Vec::new(),
            plans,
            days,
            periods: by.periods(days),
        }
    }

    /// Returns the most keys of one page.
    pub(super) fn max_keys(&self) -> usize {
        let by_rows = MAX_PAGE_ROWS / self.periods.len().max(1);
        let by_reads = MAX_USAGE_READS / self.reads_per_key();
        by_rows.min(by_reads).max(1)
    }

    /// Returns the most items that the usage of one key has: its own, and one per month.
    pub(super) fn reads_per_key(&self) -> usize {
        1 + self.days.months().len()
    }

    /// Adds the rows of these keys, but only as many as a response may have. Returns the last key
    /// that was added if some were not added.
    ///
    /// # Errors
    /// As for [`ReportedPlans::read`].
    pub(super) async fn add(
        &mut self,
        keys: Vec<ReportedKey>,
    ) -> Result<Option<ReportedKey>, Problem> {
        self.plans.read(&keys).await?;
        let callers = keys.iter().map(|key| Caller::Key(key.key_id.clone()));
        let callers: Vec<_> = callers.collect();
        let store = &self.plans.shared.store;
        let usage = store
            .caller_days(&callers, self.days, self.plans.deadline)
            .await?;

        let (mut bytes, mut last) = (0, None);
        for (key, usage) in keys.into_iter().zip(usage) {
            let rows = self.rows(&key, &usage);
            bytes += bytes_of(&rows);
            if bytes > MAX_PAGE_BYTES && last.is_some() {
                return Ok(last);
            }
            self.items.extend(rows);
            last = Some(key);
        }
        Ok(None)
    }

    fn rows(&self, key: &ReportedKey, usage: &CallerDays) -> Vec<Row> {
        let row = |period: &Days| {
            let mut row = Row {
                key_id: key.key_id.clone(),
                name: key.name.clone(),
                group: key.group.clone(),
                plan: key.plan.clone(),
                time_zone: self.plans.zone(key).map(str::to_owned),
                from: period.from,
                to: period.to,
                calls: 0,
                units: 0,
                refused: 0,
                deleted_at: key.deleted_at,
            };

            let is_in_period = |date: Date| period.from <= date && date <= period.to;
            for day in usage.days.iter().filter(|day| is_in_period(day.date)) {
                row.calls = row.calls.saturating_add(day.calls);
                row.units = row.units.saturating_add(day.units);
                row.refused = row.refused.saturating_add(day.refused);
            }
            row
        };
        self.periods.iter().map(row).collect()
    }
}

/// Returns about how many bytes the rows of one key have. They differ only in numbers.
fn bytes_of(rows: &[Row]) -> usize {
    let first = rows.first().and_then(|row| serde_json::to_vec(row).ok());
    first.map_or(0, |row| row.len() * rows.len())
}

/// Returns rows as CSV.
///
/// # Errors
/// 500 if they cannot be written.
pub(super) fn csv(rows: &[Row], has_header: bool) -> Result<Vec<u8>, Problem> {
    let cells = |row: &Row| {
        let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default()).into_owned();
        [
            escape(&row.key_id).into_owned(),
            text(&row.name),
            text(&row.group),
            escape(&row.plan).into_owned(),
            text(&row.time_zone),
            row.from.to_string(),
            row.to.to_string(),
            row.calls.to_string(),
            row.units.to_string(),
            row.refused.to_string(),
            row.deleted_at.map(|at| at.to_string()).unwrap_or_default(),
        ]
    };
    csv_file(has_header.then_some(COLUMNS), rows.iter().map(cells))
}
