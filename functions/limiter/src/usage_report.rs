//! Reports of the usage of a key.

pub(crate) mod subject;

mod report;

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use limits::{Caller, Plan};

use crate::error_responses::Reads;
use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};
use crate::request::accept::{CSV, JSON};
use crate::request::caller::CallingKey;
use crate::request::query::{Parameters, QueryParameters};
use crate::request::{AdminRequest, ApiRequest};
use crate::response;

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
    respond(&request, subject).await
}

/// Get the usage of the calling key
///
/// A usage query is not charged to a quota. Each caller has a separate bucket for usage queries,
/// which refills with one token per second and holds five. A plan can set another limit in
/// `routes["GET /_tollgate/usage"]`. If a rate limit of the caller is exceeded, the response is
/// 429. All callers of a plan with `shared_by_plan` share one bucket.
#[utoipa::path(get, path = "/_tollgate/usage", operation_id = "getOwnUsage", tag = "usage",
    params(("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "The usage of the key", content((Report = "application/json"), (String = "text/csv"))),
        (status = 401, description = "The credentials are missing or invalid"),
        (status = 429, description = "A rate limit of the caller is exceeded", body = Problem,
            content_type = "application/problem+json", headers(("Retry-After" = u64))), Reads))]
pub(crate) async fn own(request: ApiRequest<CallingKey, UsageQuery>) -> Result<Response, Problem> {
    let key_id = request.caller.key_id.clone();

    // The authorizer has just looked up the key and its plan, so the registry is not searched. The
    // name of the key is only for administrators.
    let subject = match &request.caller.plan {
        Some(name) => {
            let store = &request.shared.store;
            let plan = store.plan(name, store.deadline()).await?;
            Subject {
                key_id,
                name: None,
                plan_name: Some(name.clone()),
                plan,
                deleted_at: None,
            }
        }
        None => Subject {
            name: None,
            ..Subject::find(&request.shared, key_id).await?
        },
    };
    respond(&request, subject).await
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

async fn respond<C>(
    request: &ApiRequest<C, UsageQuery>,
    subject: Subject,
) -> Result<Response, Problem> {
    let period = request.query.period(request.now, subject.plan.as_deref())?;
    let caller = Caller::Key(subject.key_id.clone());
    let deadline = request.deadline();
    let usage = request
        .shared
        .store
        .usage(
            &caller,
            subject.plan.as_deref(),
            period.from,
            period.to,
            deadline,
        )
        .await?;
    if subject.plan_name.is_none() && !usage.is_recorded {
        return Err(Problem::not_found(RESOURCE));
    }

    let name = subject.name.clone().unwrap_or_default();
    let report = Report::new(subject, period, usage)?;
    if request.media_type == CSV {
        Ok(response::csv(report.csv(&name)?))
    } else {
        Ok(response::json(StatusCode::OK, &report))
    }
}
