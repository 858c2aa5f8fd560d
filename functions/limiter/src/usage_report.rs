//! Reports of the usage of a key.

pub(crate) mod subject;

mod own;
mod report;

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use limits::{Caller, Plan, UsageReport};

use crate::error_responses::Reads;
use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};
use crate::request::accept::{CSV, JSON};
use crate::request::caller::CallingClient;
use crate::request::query::{Parameters, QueryParameters};
use crate::request::{AdminRequest, ApiRequest};
use crate::response;

use own::{CallerUsage, OwnReport};
use report::Report;
pub(crate) use report::{DayUsage, Period, QuotaUsage, days_of, quotas_of};
use subject::Subject;

/// The most days of a report.
const MAX_DAYS: i64 = 366;

/// The query of a usage report.
pub(crate) struct UsageQuery {
    from: Option<Date>,
    to: Option<Date>,
}

impl QueryParameters for UsageQuery {
    const NAMES: &'static [&'static str] = &["from", "to"];
    const MEDIA_TYPES: &'static [&'static str] = &[JSON, CSV];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            from: parameters.day("from"),
            to: parameters.day("to"),
        }
    }
}

/// Get the usage of a key
///
/// By default, the report covers the current month. It has at most 366 days. A CSV file has one row
/// per day, with the columns `Date`, `KeyId`, `Name`, `Plan` and `Used`; quotas are only in the
/// JSON report. The usage of a deleted key can be read for 400 days after its last request.
#[utoipa::path(get, path = "/_tollgate/v1/keys/{key_id}/usage", operation_id = "getUsage", tag = "usage",
    params(("key_id" = String, Path), ("from" = Option<String>, Query, format = Date),
        ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "The usage of the key", content((Report = "application/json"), (String = "text/csv"))),
        Reads))]
pub(crate) async fn of_key(
    request: AdminRequest<UsageQuery>,
    Path(key_id): Path<String>,
) -> Result<Response, Problem> {
    let subject = Subject::find(&request.shared, key_id).await?;
    let (period, usage) = usage_of_key(&request, &subject).await?;

    let name = subject.name.clone().unwrap_or_default();
    let report = Report::new(subject, period, usage)?;
    if request.media_type == CSV {
        Ok(response::csv(report.csv(&name)?))
    } else {
        Ok(response::json(StatusCode::OK, &report))
    }
}

/// Get the usage of the calling client
///
/// Returns the usage of the API key, or of the token's subject or the client certificate if the
/// request has no key. A client without a credential gets 403. The CSV form has one row per day. Its
/// columns are `Date`, `KeyId`, `Name`, `Plan` and `Used`, or without a key `Date`, `Caller`, `Plan`
/// and `Used`.
///
/// A usage query is not charged to a quota. Each caller has a separate bucket for usage queries,
/// which refills with one token per second and holds five. A plan can set another limit in
/// `routes["GET /_tollgate/usage"]`. If a rate limit of the caller is exceeded, the response is
/// 429. All keys of a group share one bucket, as do all callers of a plan with `shared_by_plan`.
#[utoipa::path(get, path = "/_tollgate/usage", operation_id = "getOwnUsage", tag = "usage",
    params(("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "The usage of the client", content((OwnReport = "application/json"), (String = "text/csv"))),
        (status = 401, description = "The credentials are missing or invalid"),
        (status = 429, description = "A rate limit of the caller is exceeded", body = Problem,
            content_type = "application/problem+json", headers(("Retry-After" = u64))), Reads))]
pub(crate) async fn own(
    request: ApiRequest<CallingClient, UsageQuery>,
) -> Result<Response, Problem> {
    let report = match request.caller.caller.clone() {
        Caller::Key(key_id) => {
            let subject = own_key(&request, key_id).await?;
            let (period, usage) = usage_of_key(&request, &subject).await?;
            OwnReport::Key(Report::new(subject, period, usage)?)
        }
        caller => OwnReport::Caller(own_usage(&request, &caller).await?),
    };

    if request.media_type == CSV {
        Ok(response::csv(report.csv()?))
    } else {
        Ok(response::json(StatusCode::OK, &report))
    }
}

/// Returns the calling key. The authorizer has just looked up the key and its plan, so the registry
/// is not searched. The name of the key is only for administrators.
async fn own_key(
    request: &ApiRequest<CallingClient, UsageQuery>,
    key_id: String,
) -> Result<Subject, Problem> {
    let CallingClient { plan, group, .. } = &request.caller;
    let Some(plan_name) = plan else {
        return Ok(Subject {
            name: None,
            ..Subject::find(&request.shared, key_id).await?
        });
    };

    let store = &request.shared.store;
    Ok(Subject {
        key_id,
        name: None,
        plan_name: Some(plan_name.clone()),
        plan: store.plan(plan_name, store.deadline()).await?,
        group: group.clone(),
        deleted_at: None,
    })
}

/// Returns the usage of a calling client without a key.
async fn own_usage(
    request: &ApiRequest<CallingClient, UsageQuery>,
    caller: &Caller,
) -> Result<CallerUsage, Problem> {
    let store = &request.shared.store;
    let plan = match &request.caller.plan {
        Some(name) => store.plan(name, store.deadline()).await?,
        None => None,
    };
    let period = request.query.period(request.now, plan.as_deref())?;

    let (from, to, deadline) = (period.from, period.to, request.deadline());
    let usage = store.usage(caller, None, plan.as_deref(), from, to, deadline);
    CallerUsage::new(caller, plan.as_deref(), period, usage.await?)
}

impl UsageQuery {
    /// Returns the days of the report. The current day is that of the plan's time zone.
    ///
    /// # Errors
    /// 400 if they are in the wrong order or too many.
    pub(crate) fn period(&self, now: Timestamp, plan: Option<&Plan>) -> Result<Period, Problem> {
        let today = plan
            .and_then(|plan| plan.report_day(now.as_nanosecond()))
            .unwrap_or_else(|| today(now));
        let from = self.from.unwrap_or(today.first_of_month());
        let to = self.to.unwrap_or(today);

        if to < from || from.saturating_add(MAX_DAYS.days()) <= to {
            let detail =
                format!("expected a day from `from` on, and at most {MAX_DAYS} days in total");
            let mistake = Mistake::in_parameter("to", detail);
            return Err(Problem::invalid_parameters(vec![mistake]));
        }
        Ok(Period { from, to, today })
    }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Returns the days of a report on a key, and the usage of the key.
///
/// # Errors
/// 400 for invalid days, 404 for an unknown key without usage, or the store's failure.
async fn usage_of_key<C>(
    request: &ApiRequest<C, UsageQuery>,
    subject: &Subject,
) -> Result<(Period, UsageReport), Problem> {
    let (group, plan) = (subject.group.as_ref(), subject.plan.as_deref());
    let period = request.query.period(request.now, plan)?;
    let caller = Caller::Key(subject.key_id.clone());

    let (from, to, deadline) = (period.from, period.to, request.deadline());
    let store = &request.shared.store;
    let usage = store
        .usage(&caller, group, plan, from, to, deadline)
        .await?;
    if subject.plan_name.is_none() && !usage.is_recorded {
        return Err(Problem::not_found(RESOURCE));
    }
    Ok((period, usage))
}
