//! The usage of callers other than keys: token subjects, certificates, groups and addresses.

pub(crate) mod caller_id;
pub(crate) mod grants;

mod report;

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use limits::{Caller, Plan};
use registry::{AdminError, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error_responses::Reads;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;
use crate::usage_report::UsageQuery;

use caller_id::CallerId;
use report::CallerReport;

const RESOURCE: &str = "usage of this caller";

/// The query of a report on a caller.
pub(crate) struct CallerUsageQuery {
    plan: Option<String>,
    usage: UsageQuery,
}

/// The query of grants to a caller.
pub(crate) struct CallerGrantQuery {
    plan: Option<String>,
}

/// The query for the id of a token's subject.
pub(crate) struct SubjectQuery {
    issuer: String,
    subject: String,
}

/// The id of a token's subject.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectId {
    /// `sub`.
    kind: &'static str,
    /// The id, for the path of its usage.
    id: String,
}

impl QueryParameters for CallerUsageQuery {
    const NAMES: &'static [&'static str] = &["plan", "from", "to"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            plan: parameters.nonempty("plan"),
            usage: UsageQuery::read(parameters),
        }
    }
}

impl QueryParameters for CallerGrantQuery {
    const NAMES: &'static [&'static str] = &["plan"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            plan: parameters.nonempty("plan"),
        }
    }
}

impl QueryParameters for SubjectQuery {
    const NAMES: &'static [&'static str] = &["issuer", "subject"];

    fn read(parameters: &mut Parameters) -> Self {
        let mut required = |name| {
            let value = parameters.nonempty(name);
            if value.is_none() {
                parameters.report(name, "missing, expected the value in the token");
            }
            value.unwrap_or_default()
        };
        Self {
            issuer: required("issuer"),
            subject: required("subject"),
        }
    }
}

/// Get the id of a token's subject
///
/// The subject is the value of the issuer's `user_claim`, by default `sub`.
#[utoipa::path(get, path = "/_tollgate/v1/callers/sub", operation_id = "getSubjectId", tag = "usage",
    params(("issuer" = String, Query), ("subject" = String, Query)),
    responses((status = 200, description = "The id", body = SubjectId), Reads))]
pub(crate) async fn subject_id(request: AdminRequest<SubjectQuery>) -> Result<Response, Problem> {
    let SubjectQuery { issuer, subject } = &request.query;
    let caller = Caller::from_subject(issuer, subject).to_string();

    let id = caller.trim_start_matches("sub#").to_owned();
    let body = SubjectId { kind: "sub", id };
    Ok(response::json(StatusCode::OK, &body))
}

/// Get the usage of a caller
///
/// `kind` is `sub`, `cert`, `group` or `ip`. The id of a subject or a certificate has 64 hexadecimal
/// digits, as in logs. With `plan`, the report has the quotas of that plan. The usage of an
/// address is counted per plan, so that `plan` is required, and has no days.
#[utoipa::path(get, path = "/_tollgate/v1/callers/{kind}/{id}/usage", operation_id = "getUsageOfCaller", tag = "usage",
    params(("kind" = String, Path, pattern = "^(sub|cert|group|ip)$"), ("id" = String, Path, pattern = "^[0-9A-Za-z.:_-]+$"),
        ("plan" = Option<String>, Query),
        ("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date)),
    responses((status = 200, description = "The usage of the caller", body = CallerReport), Reads))]
pub(crate) async fn usage(
    request: AdminRequest<CallerUsageQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let CallerUsageQuery { plan, usage } = &request.query;
    let caller = CallerId::parse(&kind, &id)?.caller(plan.as_deref())?;
    let plan = match plan {
        Some(name) => Some(find_plan(&request, name).await?),
        None => None,
    };
    let period = usage.period(request.now, plan.as_deref())?;

    let store = &request.shared.store;
    let deadline = request.deadline();
    let usage = store
        .usage(
            &caller,
            None,
            plan.as_deref(),
            period.from,
            period.to,
            deadline,
        )
        .await?;
    if plan.is_none() && !usage.is_recorded {
        return Err(Problem::not_found(RESOURCE));
    }

    let report = CallerReport::new((kind, id), &caller, plan.as_deref(), period, usage)?;
    Ok(response::json(StatusCode::OK, &report))
}

async fn find_plan<Q>(request: &AdminRequest<Q>, name: &str) -> Result<Arc<Plan>, Problem> {
    let document = match request.admin().plan(name).await {
        Ok(stored) => stored.document,
        Err(AdminError::Refused(Refusal::NotFound)) => {
            return Err(invalid_plan(format!("the plan `{name}` does not exist")));
        }
        Err(error) => return Err(Problem::of_read(error, RESOURCE)),
    };
    let plan = Plan::from_stored(name, document).map(Arc::new);
    plan.map_err(|error| Problem::fault(&error))
}

/// The problem of a query without `plan`.
fn missing_plan(expected: &str) -> Problem {
    invalid_plan(format!("missing, expected {expected}"))
}

fn invalid_plan(detail: String) -> Problem {
    Problem::invalid_parameters(vec![Mistake::in_parameter("plan", detail)])
}
