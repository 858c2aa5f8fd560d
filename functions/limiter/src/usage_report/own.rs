//! The report on the usage of a caller without an API key, for the caller itself.

use jiff::civil::Date;
use limits::{Caller, Plan, UsageReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::report::{DayUsage, Period, QuotaUsage, Report, days_of, quotas_of};
use crate::csv_file::csv_file;
use crate::problem::Problem;
use key_file::formula::escape;

/// The usage of the calling client.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OwnReport {
    /// The usage of an API key.
    Key(Report),
    /// The usage of a token's subject or a client certificate.
    Caller(CallerUsage),
}

/// The usage of a token's subject or a client certificate.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallerUsage {
    /// The caller, `sub#HASH` or `cert#HASH`, as in logs.
    caller: String,
    /// The plan of the caller. Null if it has none.
    #[schema(required)]
    plan: Option<String>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// Every day with the usage of the caller under any plan. The time zone of the plan determines
    /// the day.
    days: Vec<DayUsage>,
    /// Every quota of the plan. If the callers of the plan share its limits, the numbers are the
    /// total of all callers.
    quotas: Vec<QuotaUsage>,
}

impl CallerUsage {
    /// Builds the report on a caller.
    ///
    /// # Errors
    /// 500 if the store returned an invalid time.
    pub(super) fn new(
        caller: &Caller,
        plan: Option<&Plan>,
        period: Period,
        usage: UsageReport,
    ) -> Result<Self, Problem> {
        let quotas = quotas_of(usage.quotas, plan)?;
        let is_shared = plan.is_some_and(|plan| plan.shared.is_some());

        Ok(Self {
            caller: caller.to_string(),
            plan: plan.map(|plan| plan.name.to_string()),
            from: period.from,
            to: period.to,
            days: days_of(usage.days, &quotas, period.today, is_shared),
            quotas,
        })
    }
}

impl OwnReport {
    /// Returns the report as CSV with one row per day.
    ///
    /// # Errors
    /// 500 if it cannot be written.
    pub(super) fn csv(&self) -> Result<Vec<u8>, Problem> {
        match self {
            // The name of a key is only for administrators.
            Self::Key(report) => report.csv(""),
            Self::Caller(usage) => usage.csv(),
        }
    }
}

impl CallerUsage {
    fn csv(&self) -> Result<Vec<u8>, Problem> {
        let plan = escape(self.plan.as_deref().unwrap_or_default());
        let rows = self.days.iter().map(|day| {
            let (date, used) = (day.date.to_string(), day.used.to_string());
            [date, self.caller.clone(), plan.to_string(), used]
        });
        csv_file(Some(["Date", "Caller", "Plan", "Used"]), rows)
    }
}
