//! The usage report as JSON and as CSV.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use limits::{Nanos, Plan, UsageReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::subject::Subject;
use crate::csv_file::csv_file;
use crate::problem::Problem;
use key_file::formula::escape;

/// The usage of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct Report {
    /// The id of the key.
    key_id: String,
    /// The plan of the key. Null if an earlier release deleted the key.
    #[schema(required)]
    plan: Option<String>,
    /// The time at which the key was deleted. Absent if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// Every day with the usage of the key under any plan. The time zone of the plan determines the
    /// day.
    days: Vec<DayUsage>,
    /// Every quota of the current plan. If the key is in a group, or if the keys of the plan share
    /// its limits, the numbers are the total of all these keys. Empty if the plan was deleted.
    quotas: Vec<QuotaUsage>,
}

/// The usage of one day.
#[derive(Serialize, ToSchema)]
pub(crate) struct DayUsage {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub(super) date: Date,
    /// The units that the key used.
    pub(super) used: u64,
    /// The calls that the key made and that were not refused.
    calls: u64,
    /// The calls that a limit of the plan refused.
    refused: u64,
    /// `[used, remaining]` by name of the quota. Today has all quotas. A past day has only daily
    /// quotas in the time zone of the plan, and none if the key shares its limits with others.
    quotas: BTreeMap<String, [u64; 2]>,
}

/// The current window of a quota.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuotaUsage {
    /// The name of the quota.
    name: String,
    /// The number of calls per period.
    limit: u64,
    /// `hour`, `day`, `week`, `month`, `year` or `total`.
    period: String,
    /// `[used, remaining]`, including granted calls.
    usage: [u64; 2],
    /// The time at which the window began. Absent for `total`, which never starts anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// The time at which the next window begins. Absent for `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, format = DateTime)]
    ends_at: Option<Timestamp>,
    /// True if the windows are the days of the report.
    #[serde(skip)]
    is_report_day: bool,
}

/// The days of a report, and the current day in the plan's time zone.
#[derive(Clone, Copy)]
pub(crate) struct Period {
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) today: Date,
}

/// Returns the quotas of a report.
///
/// # Errors
/// 500 if the store returned an invalid time.
pub(crate) fn quotas_of(
    quotas: Vec<limits::QuotaUsage>,
    plan: Option<&Plan>,
) -> Result<Vec<QuotaUsage>, Problem> {
    let quotas = quotas.into_iter();
    quotas.map(|quota| QuotaUsage::new(quota, plan)).collect()
}

/// Returns the days of a report.
pub(crate) fn days_of(
    days: Vec<limits::DayUsage>,
    quotas: &[QuotaUsage],
    today: Date,
    is_shared: bool,
) -> Vec<DayUsage> {
    let day = |day: limits::DayUsage| DayUsage {
        date: day.date,
        used: day.units,
        calls: day.calls,
        refused: day.refused,
        quotas: quotas_of_day(quotas, day.date, day.units, today, is_shared),
    };
    days.into_iter().map(day).collect()
}

impl Report {
    /// Builds the report of a key.
    ///
    /// # Errors
    /// 500 if the store returned an invalid time.
    pub(super) fn new(
        subject: Subject,
        period: Period,
        usage: UsageReport,
    ) -> Result<Self, Problem> {
        let quotas = quotas_of(usage.quotas, subject.plan.as_deref())?;
        let is_shared = subject.shares_limits();
        let days = days_of(usage.days, &quotas, period.today, is_shared);

        Ok(Self {
            key_id: subject.key_id,
            plan: subject.plan_name,
            deleted_at: subject.deleted_at,
            from: period.from,
            to: period.to,
            days,
            quotas,
        })
    }

    /// Returns the report as CSV with one row per day. The files of several keys can be
    /// concatenated, and `Used` can be added up.
    ///
    /// # Errors
    /// 500 if it cannot be written.
    pub(super) fn csv(&self, name: &str) -> Result<Vec<u8>, Problem> {
        let key_id = escape(&self.key_id);
        let name = escape(name);
        let plan = escape(self.plan.as_deref().unwrap_or_default());
        let rows = self.days.iter().map(|day| {
            let (date, used) = (day.date.to_string(), day.used.to_string());
            [
                date,
                key_id.to_string(),
                name.to_string(),
                plan.to_string(),
                used,
            ]
        });
        csv_file(Some(["Date", "KeyId", "Name", "Plan", "Used"]), rows)
    }
}

/// Returns `[used, remaining]` of each quota that is known for a day.
fn quotas_of_day(
    quotas: &[QuotaUsage],
    date: Date,
    used: u64,
    today: Date,
    is_shared: bool,
) -> BTreeMap<String, [u64; 2]> {
    let usage_of = |quota: &QuotaUsage| {
        if date == today {
            Some(quota.usage)
        } else if date > today || is_shared {
            // The past usage of the other callers is not in this report.
            None
        } else {
            quota.past_day(used)
        }
    };

    let usages = quotas
        .iter()
        .filter_map(|quota| Some((quota.name.clone(), usage_of(quota)?)));
    usages.collect()
}

impl QuotaUsage {
    fn new(quota: limits::QuotaUsage, plan: Option<&Plan>) -> Result<Self, Problem> {
        let ends = !quota.window.is_endless();
        let instant = |nanos: Nanos| match ends {
            true => Timestamp::from_nanosecond(nanos)
                .map(Some)
                .map_err(|error| Problem::fault(&error)),
            false => Ok(None),
        };
        let is_report_day =
            plan.is_some_and(|plan| plan.report_days.id() == quota.window.id.calendar);

        Ok(Self {
            name: quota.name.to_string(),
            limit: quota.limit,
            period: quota.period.to_string(),
            usage: [quota.used, quota.remaining],
            starts_at: instant(quota.window.start)?,
            ends_at: instant(quota.window.end)?,
            is_report_day,
        })
    }

    /// Returns `[used, remaining]` of a past day, if the quota counts the same days as the report.
    /// Calls that were granted on that day are not known any more.
    fn past_day(&self, used: u64) -> Option<[u64; 2]> {
        self.is_report_day
            .then(|| [used, self.limit.saturating_sub(used)])
    }
}
