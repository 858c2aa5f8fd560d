//! The usage report of a caller.

use jiff::civil::Date;
use limits::{Caller, Plan, UsageReport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::usage_report::{DayUsage, Period, QuotaUsage, days_of, quotas_of};

/// The usage of a caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallerReport {
    /// The kind of caller.
    kind: String,
    /// The id of the caller.
    id: String,
    /// The plan of the quotas.
    #[schema(required)]
    plan: Option<String>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// Every day. Empty for an address.
    days: Vec<DayUsage>,
    /// Every quota of the plan.
    quotas: Vec<QuotaUsage>,
}

impl CallerReport {
    /// Builds the report on a caller from its kind, its id and its usage.
    ///
    /// # Errors
    /// 500 if the store returned an invalid time.
    pub(super) fn new(
        (kind, id): (String, String),
        caller: &Caller,
        plan: Option<&Plan>,
        period: Period,
        usage: UsageReport,
    ) -> Result<Self, Problem> {
        let quotas = quotas_of(usage.quotas, plan)?;
        let is_shared = plan.is_some_and(|plan| plan.shared.is_some());
        let days = if caller.has_reports() {
            days_of(usage.days, &quotas, period.today, is_shared)
        } else {
            Vec::new()
        };

        Ok(Self {
            kind,
            id,
            plan: plan.map(|plan| plan.name.to_string()),
            from: period.from,
            to: period.to,
            days,
            quotas,
        })
    }
}
