//! Plans.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use usage::PlanDocument;
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::audit::changes::Changes;
use crate::audit::{Action, Administrator};
use crate::problem::{Mistake, Problem, change_refused, refused};
use crate::request::cursor::List;
use crate::request::query::Query;
use crate::schema::mistakes::Mistakes;
use crate::{
    Shared, policies, request::accept, request::body, request::precondition, request::show,
};

const WHAT: &str = "plan";

/// A plan with its name.
#[derive(Serialize, ToSchema)]
struct NamedPlan {
    /// Its name.
    name: String,
    /// Itself.
    plan: PlanDocument,
    /// Its entity tag.
    etag: String,
}

/// The plan as it was put, with warnings about it.
#[derive(Serialize, ToSchema)]
struct PutPlan {
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    plan: PlanDocument,
    /// What is valid but probably not meant. Absent if there is nothing to warn about. Not part of
    /// the stored plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    warnings: Vec<Mistake>,
}

/// Some of the plans.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanList {
    /// By name.
    items: Vec<NamedPlan>,
    /// For the next page, where there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Plans in the order of their names
#[utoipa::path(get, path = "/_tollgate/v1/plans", operation_id = "listPlans", tag = "plans",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "Some of the plans", body = PlanList), Reads))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    let mut query = Query::of(&uri, &["limit", "cursor"]);
    let (limit, after) = (query.limit(), query.cursor(List::Plans));
    query.finish()?;
    let page = shared
        .admin()
        .plans(after.as_deref(), limit)
        .await
        .map_err(|error| refused(error, WHAT))?;
    let items = page.items.into_iter().map(|(name, stored)| NamedPlan {
        name,
        plan: stored.document,
        etag: format!("\"{}\"", stored.version.as_str()),
    });
    let next_cursor = page.next.map(|last| List::Plans.cursor(&last));
    Ok(precondition::json(
        StatusCode::OK,
        &PlanList {
            items: items.collect(),
            next_cursor,
        },
    ))
}

/// A plan
#[utoipa::path(get, path = "/_tollgate/v1/plans/{plan}", operation_id = "getPlan", tag = "plans",
    params(("plan" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The plan", body = PlanDocument, headers(("ETag" = String))),
        (status = 304, description = "The client has it"), Reads))]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show::one(&uri, &headers, WHAT, shared.admin().plan(&name), Ok).await
}

/// Makes or replaces a plan
///
/// Every instance of the authorizer decides by it within 30 seconds. The response is the plan; a
/// field `warnings` is added if something in it is probably not meant, such as a burst that is too
/// small for its rate.
#[utoipa::path(put, path = "/_tollgate/v1/plans/{plan}", operation_id = "putPlan", tag = "plans",
    params(("plan" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body = PlanDocument,
    responses((status = 200, description = "Replaced", body = PutPlan, headers(("ETag" = String))),
        (status = 201, description = "Made", body = PutPlan, headers(("ETag" = String))), Reads, Writes))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::json_alone(&uri, &headers)?;
    let condition = precondition::condition(&headers)?;
    let document: PlanDocument = body::read(&body::json(&headers, sent).await?, "Plan", mistakes)?;
    let change = administrator.begins(Action::PutPlan, &name);
    let (put, plan) = match shared.admin().put_plan(&name, &document, &condition).await {
        Ok(put) => put,
        Err(error) => return Err(change.failed(change_refused(error, WHAT))),
    };
    change.made(&Changes::between(
        put.before.as_deref().map(fields).as_ref(),
        Some(&json!(plan)),
    ));

    let warnings = plan
        .warnings()
        .into_iter()
        .map(|warning| Mistake::at(warning.pointer, warning.message));
    Ok(precondition::put(
        &put,
        &PutPlan {
            warnings: warnings.collect(),
            plan,
        },
    ))
}

fn named_by(policies: &[String]) -> Problem {
    let policies = policies.join(", ");
    let detail = format!("Policies name this plan: {policies}. Change them first.");
    Problem::new(StatusCode::CONFLICT, detail)
}

/// A stored plan as this release writes it, so that only what was changed differs.
fn fields(stored: &str) -> Value {
    serde_json::from_str::<PlanDocument>(stored).map_or(Value::Null, |document| json!(document))
}

/// What a plan says that cannot be.
fn mistakes(plan: &PlanDocument, shape: &Mistakes) -> Vec<Mistake> {
    let mut found: Vec<_> = plan
        .check()
        .into_iter()
        .map(|known| Mistake::at(known.pointer, known.message))
        .collect();
    if shape.concern("/algorithm") {
        // Nobody knows which members go with it.
        found.retain(|known| {
            !matches!(
                known.pointer.as_deref(),
                Some("/throttle" | "/window_s" | "/limit")
            )
        });
    }
    found
}

/// Takes a plan away that no key is on
///
/// A plan that a stored policy names stays as well. Plans that tokens name in a claim, and those in
/// a policy that is in the settings, are not known here.
#[utoipa::path(delete, path = "/_tollgate/v1/plans/{plan}", operation_id = "deletePlan", tag = "plans",
    params(("plan" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "It is gone"), Reads, Writes))]
pub(crate) async fn delete(
    State(shared): State<Shared>,
    administrator: Administrator,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::of(&uri, &[]).finish()?;
    let condition = precondition::condition(&headers)?;
    let admin = shared.admin();
    let policies = policies::naming(&admin, &name)
        .await
        .map_err(|error| refused(error, WHAT))?;
    if !policies.is_empty() {
        // A plan that does not exist is rather not found.
        admin
            .plan(&name)
            .await
            .map_err(|error| refused(error, WHAT))?;
        return Err(named_by(&policies));
    }

    let change = administrator.begins(Action::DeletePlan, &name);
    match admin.delete_plan(&name, &condition).await {
        Ok(before) => change.made(&Changes::between(Some(&fields(&before)), None)),
        Err(error) => return Err(change.failed(change_refused(error, WHAT))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
