//! What a key has used, and grants.

pub(crate) mod subject;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use csv::WriterBuilder;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode, Uri};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use usage::{Caller, Nanos, UsageReport};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::audit::{Action, Administrator, Amount};
use crate::formula::guarded;
use crate::idempotency::{self, Idempotency};
use crate::keys::WHAT;
use crate::problem::{Mistake, Problem};
use crate::request::query::Query;
use crate::usage_report::subject::{Subject, plan_of};
use crate::{Shared, request::accept, request::body, request::caller, request::precondition};

/// What a key has used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Report {
    /// The key.
    key_id: String,
    /// Its plan; null if the key was deleted by a release that did not keep its plan.
    #[schema(required)]
    plan: Option<String>,
    /// When the key was deleted, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// Every day (UTC) with the key's own units, whatever its plan was then.
    days: Vec<DayUsage>,
    /// Every quota of the plan, as it stands now. If the keys of the plan share its limits, these
    /// are the figures of all of them. Empty if the plan was deleted.
    quotas: Vec<QuotaUsage>,
}

/// A day.
#[derive(Serialize, ToSchema)]
struct DayUsage {
    /// Which.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// The key's own units.
    used: u64,
    /// `[used, remaining]` of quotas by name: today all quotas, on past days those that count days
    /// in UTC, unless the plan's keys share its limits.
    quotas: BTreeMap<String, [u64; 2]>,
}

/// A quota in its present window.
#[derive(Serialize, ToSchema)]
struct QuotaUsage {
    /// Its name.
    name: String,
    /// Calls a period.
    limit: u64,
    /// `day`, `week` or `month`.
    period: String,
    /// `[used, remaining]`, what was granted included.
    usage: [u64; 2],
    /// When the window began.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// When the next one begins.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
}

/// A grant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// The quota's name.
    quota: String,
    /// Calls to give, or below 0 to cut, in the present window.
    #[schema(minimum = -999_999_999_999_999i64, maximum = 999_999_999_999_999i64)]
    grant: i64,
}

/// How a quota stands after a grant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Granted {
    /// The quota's name.
    quota: String,
    /// What the grant moved: less than was asked for where less was left.
    granted: i64,
    /// `[used, remaining]`.
    usage: [u64; 2],
}

/// What a key has used
///
/// The days of this month unless the query says otherwise; at most 366. A CSV file has one row per
/// day with the columns `Date`, `KeyId`, `Name`, `Plan` and `Used`; quotas are in the JSON report.
/// The usage of a deleted key can be read for 400 days after its last call.
#[utoipa::path(get, path = "/_tollgate/v1/keys/{key_id}/usage", operation_id = "getUsage", tag = "usage",
    params(("key_id" = String, Path), ("from" = Option<String>, Query, format = Date),
        ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "What it has used", content((Report = "application/json"), (String = "text/csv"))),
        Reads))]
pub(crate) async fn of_key(
    State(shared): State<Shared>,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let question = Question::new(&shared, &uri, &headers)?;
    let subject = Subject::find(&shared, key_id).await?;
    question.answer(&shared, subject).await
}

/// What the calling key has used
///
/// A question is never charged to a quota: each caller has a bucket for questions alone, which
/// refills with one token per second and holds five. A plan may set another limit in `routes["GET
/// /_tollgate/usage"]`. A caller whose rate is used up gets 429 here as well. All callers of a plan
/// with `shared_by_plan` share one bucket.
#[utoipa::path(get, path = "/_tollgate/usage", operation_id = "getOwnUsage", tag = "usage",
    params(("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "What it has used", content((Report = "application/json"), (String = "text/csv"))),
        (status = 401, description = "The credentials are missing or invalid"),
        (status = 429, description = "A rate of the caller is used up", body = Problem,
            content_type = "application/problem+json", headers(("Retry-After" = u64))), Reads))]
pub(crate) async fn own(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    extensions: axum::http::Extensions,
) -> Result<Response, Problem> {
    let key_id = caller::calling_key(&extensions)?;
    let question = Question::new(&shared, &uri, &headers)?;
    // The authorizer has just looked up both, so that the registry need not be searched.
    // The name is the administrators' own.
    let subject = match caller::calling_plan(&extensions) {
        Some(name) => {
            let plan = shared.store.plan(name, shared.store.deadline()).await?;
            Subject {
                key_id,
                name: None,
                plan_name: Some(name.to_owned()),
                plan,
                deleted_at: None,
            }
        }
        None => Subject {
            name: None,
            ..Subject::find(&shared, key_id).await?
        },
    };
    question.answer(&shared, subject).await
}

/// The days that are asked for, and the form of the response.
struct Question {
    form: &'static str,
    now: Timestamp,
    from: Date,
    to: Date,
}

impl Question {
    fn new(shared: &Shared, uri: &Uri, headers: &HeaderMap) -> Result<Self, Problem> {
        let form = accept::negotiate(headers, &[accept::JSON, accept::CSV])?;
        let now = shared.now();
        let today = today(now);

        let mut query = Query::of(uri, &["from", "to"]);
        let (from, to) = (
            query.day("from", today.first_of_month()),
            query.day("to", today),
        );
        query.finish()?;
        if to < from || from.saturating_add(366.days()) <= to {
            let detail = "it is not before `from`, and a report has 366 days at most";
            return Err(Problem::parameters(vec![Mistake::in_parameter(
                "to", detail,
            )]));
        }

        Ok(Self {
            form,
            now,
            from,
            to,
        })
    }

    async fn answer(&self, shared: &Shared, subject: Subject) -> Result<Response, Problem> {
        let (caller, plan) = (Caller::Key(subject.key_id.clone()), subject.plan.as_deref());
        let (now, deadline) = (self.now.as_nanosecond(), shared.store.deadline());
        let report = shared
            .store
            .usage(&caller, plan, self.from, self.to, now, deadline)
            .await?;
        if subject.plan_name.is_none() && !report.is_recorded {
            return Err(Problem::not_found(WHAT));
        }

        let days = [self.from, self.to, today(self.now)];
        let name = subject.name.clone().unwrap_or_default();
        let report = Report::new(subject, days, report)?;
        if self.form == accept::CSV {
            report.csv(&name)
        } else {
            Ok(precondition::json(StatusCode::OK, &report))
        }
    }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Grants calls in the present window of a quota, or cuts them
///
/// With what was granted before, a period's quota is 999,999,999,999,999 calls at most. With an
/// `Idempotency-Key` a repeated request is answered the same for 24 hours and changes nothing more.
#[utoipa::path(patch, path = "/_tollgate/v1/keys/{key_id}/usage", operation_id = "grantUsage", tag = "usage",
    params(("key_id" = String, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 16, max_length = 255)),
    request_body = Grant,
    responses((status = 200, description = "Granted", body = Granted), Reads, Writes))]
pub(crate) async fn grant(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(key_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let text = body::json(&headers, sent).await?;
    let asked: Grant = body::read(&text, "Grant", body::no_more)?;
    let idempotency = Idempotency::of(&headers, &format!("PATCH /keys/{key_id}/usage"), &text)?;
    let plan = plan_of(&shared, &key_id).await?;
    let caller = Caller::Key(key_id.clone());
    let id = idempotency.as_ref().map(Idempotency::id);
    let (now, deadline): (Nanos, _) = (shared.now().as_nanosecond(), shared.store.deadline());
    let change = administrator.begins(Action::Grant, key_id);
    let granted = match shared
        .store
        .grant(&caller, &plan, &asked.quota, asked.grant, id, now, deadline)
        .await
    {
        Ok(granted) => granted,
        Err(error) => return Err(change.failed(error.into())),
    };
    if granted.repeated {
        change.end();
    } else {
        change.moved(&Amount {
            quota: Some(asked.quota.clone()),
            amount: granted.granted,
        });
    }

    let usage = [granted.used, granted.remaining];
    let mut response = precondition::json(
        StatusCode::OK,
        &Granted {
            quota: asked.quota,
            granted: granted.granted,
            usage,
        },
    );
    if granted.repeated {
        idempotency::mark_replayed(&mut response);
    }
    Ok(response)
}

impl Report {
    fn new(
        subject: Subject,
        [from, to, today]: [Date; 3],
        report: UsageReport,
    ) -> Result<Self, Problem> {
        let instant = |nanos: Nanos| {
            Timestamp::from_nanosecond(nanos).map_err(|error| Problem::failure(&error))
        };
        let mut quotas = Vec::with_capacity(report.quotas.len());
        for quota in report.quotas {
            quotas.push(QuotaUsage {
                name: quota.name.to_string(),
                limit: quota.limit,
                period: quota.period.to_string(),
                usage: [quota.used, quota.remaining],
                starts_at: instant(quota.window.start)?,
                ends_at: instant(quota.window.end)?,
            });
        }
        // What others used on a past day of a shared plan is not known here.
        let is_shared = subject
            .plan
            .as_ref()
            .is_some_and(|plan| plan.shared.is_some());
        let days = report.days.into_iter().map(|(date, used)| {
            let pair = |quota: &QuotaUsage| {
                let past = || quota.past_day(used).filter(|_| !is_shared);
                let pair = if date == today {
                    Some(quota.usage)
                } else {
                    past()
                };
                pair.map(|pair| (quota.name.clone(), pair))
            };
            let quotas = if date > today {
                BTreeMap::new()
            } else {
                quotas.iter().filter_map(pair).collect()
            };
            DayUsage { date, used, quotas }
        });
        let days = days.collect();
        let Subject {
            key_id,
            plan_name,
            deleted_at,
            ..
        } = subject;
        Ok(Self {
            key_id,
            plan: plan_name,
            deleted_at,
            from,
            to,
            days,
            quotas,
        })
    }

    /// One row per day, so that files of several keys can be put together and `Used` can be added
    /// up.
    fn csv(self, name: &str) -> Result<Response, Problem> {
        let mut writer = WriterBuilder::new().from_writer(Vec::new());
        let mut write = |row: [&str; 5]| {
            writer
                .write_record(row)
                .map_err(|error| Problem::failure(&error))
        };
        write(["Date", "KeyId", "Name", "Plan", "Used"])?;
        let (key_id, name, plan) = (
            guarded(&self.key_id),
            guarded(name),
            guarded(self.plan.as_deref().unwrap_or_default()),
        );
        for day in self.days {
            write([
                &day.date.to_string(),
                &key_id,
                &name,
                &plan,
                &day.used.to_string(),
            ])?;
        }
        let text = writer
            .into_inner()
            .map_err(|error| Problem::failure(error.error()))?;
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
        ];
        Ok((StatusCode::OK, headers, text).into_response())
    }
}

impl QuotaUsage {
    /// `[used, remaining]` of a day that is over: known where the quota counts days as the report
    /// does, in UTC. What was granted then is not known any more.
    fn past_day(&self, used: u64) -> Option<[u64; 2]> {
        let midnight = self.starts_at.as_second().rem_euclid(86_400) == 0;
        let whole = self.ends_at.as_second() - self.starts_at.as_second() == 86_400;
        (self.period == "day" && midnight && whole).then(|| [used, self.limit.saturating_sub(used)])
    }
}
