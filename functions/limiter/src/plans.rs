//! Usage plans.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use limits::PlanDocument;
use registry::ManagedBy;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::policies;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::cursor::List;
use crate::request::document::{Document, RequestDocument};
use crate::request::managed_by::Creator;
use crate::request::precondition::Precondition;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;
use crate::schema::mistakes::Mistakes;

const RESOURCE: &str = "plan";

/// A plan with its name.
#[derive(Serialize, ToSchema)]
struct NamedPlan {
    /// The name of the plan.
    name: String,
    /// The plan.
    plan: PlanDocument,
    /// The entity tag of the plan, for `If-Match`.
    etag: String,
    /// The program that created the plan, from `X-Tollgate-Managed-By`. Absent if it gave no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    managed_by: Option<ManagedBy>,
}

/// The plan as it is stored, with warnings.
#[derive(Serialize, ToSchema)]
#[schema(as = PutPlan)]
struct PlanWithWarnings {
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    plan: PlanDocument,
    /// Settings that are valid but probably not intended. Absent if there are none. Not part of the
    /// stored plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    warnings: Vec<Mistake>,
}

/// One page of plans.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanList {
    /// The plans, in the order of their names.
    items: Vec<NamedPlan>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query of a list of plans.
pub(crate) struct PlanListQuery {
    limit: usize,
    after: Option<String>,
}

impl QueryParameters for PlanListQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            limit: parameters.limit(),
            after: parameters.cursor(List::Plans),
        }
    }
}

impl RequestDocument for PlanDocument {
    const SCHEMA: &'static str = "Plan";

    fn mistakes(&self, schema: &Mistakes, _: Timestamp) -> Vec<Mistake> {
        let mistakes = self.check().into_iter();
        let mut mistakes: Vec<_> = mistakes
            .map(|known| Mistake::at(known.pointer, known.message))
            .collect();

        if schema.affect("/algorithm") {
            // These fields depend on the algorithm, which is not known.
            mistakes.retain(|mistake| {
                let pointer = mistake.pointer.as_deref();
                !matches!(pointer, Some("/throttle" | "/window_s" | "/limit"))
            });
        }
        mistakes
    }
}

/// List plans
///
/// The plans are in the order of their names.
#[utoipa::path(get, path = "/_tollgate/v1/plans", operation_id = "listPlans", tag = "plans",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of plans", body = PlanList), Reads))]
pub(crate) async fn list(request: AdminRequest<PlanListQuery>) -> Result<Response, Problem> {
    let PlanListQuery { limit, after } = &request.query;
    let page = request
        .admin()
        .plans(after.as_deref(), *limit)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = page.items.into_iter().map(|(name, stored)| NamedPlan {
        name,
        plan: stored.document,
        etag: response::entity_tag(&stored.version),
        managed_by: stored.managed_by,
    });
    let list = PlanList {
        items: items.collect(),
        next_cursor: page.next.map(|last| List::Plans.cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &list))
}

/// Get a plan
#[utoipa::path(get, path = "/_tollgate/v1/plans/{plan}", operation_id = "getPlan", tag = "plans",
    params(("plan" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The plan", body = PlanDocument, headers(("ETag" = String),
        ("x-tollgate-managed-by" = Option<String>, description = "The program that created the plan"))),
        (status = 304, description = "The plan has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let admin = request.admin();
    response::named_document(&request.headers, RESOURCE, admin.plan(&name), Ok).await
}

/// Create or replace a plan
///
/// Every instance of the authorizer uses the new plan within 30 seconds. The response contains the
/// plan, and `warnings` about settings that are probably not intended, such as a burst that is too
/// small for its rate.
#[utoipa::path(put, path = "/_tollgate/v1/plans/{plan}", operation_id = "putPlan", tag = "plans",
    params(("plan" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
        ("x-tollgate-managed-by" = Option<String>, Header, pattern = "^[a-z0-9-]{1,64}$",
        description = "The name of the program that sends the request. It is stored if the request creates the plan")),
    request_body = PlanDocument,
    responses((status = 200, description = "The plan was replaced", body = PlanWithWarnings, headers(("ETag" = String))),
        (status = 201, description = "The plan was created", body = PlanWithWarnings, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Creator(creator): Creator,
    Path(name): Path<String>,
    document: Document<PlanDocument>,
) -> Result<Response, Problem> {
    let change = request.begin(Action::PutPlan, &name);
    let put = request
        .admin()
        .audited(&change)
        .created_by(creator.as_ref())
        .put_plan(&name, &document.value, &condition)
        .await;
    let (put, plan) = match put {
        Ok(put) => put,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    let before = put.before.as_deref().map(stored_fields);
    let (after, creator) = (json!(plan), put.creator());
    change.complete(&Changes::of_object(before.as_ref(), Some(&after), creator));

    let warnings = plan.warnings().into_iter();
    let warnings = warnings.map(|warning| Mistake::at(warning.pointer, warning.message));
    let body = PlanWithWarnings {
        warnings: warnings.collect(),
        plan,
    };
    Ok(response::put(&put, &body))
}

/// Delete a plan
///
/// A plan that a key or a stored policy uses is not deleted. Plans that a token names in a claim,
/// and plans in a policy outside the registry, are not checked.
#[utoipa::path(delete, path = "/_tollgate/v1/plans/{plan}", operation_id = "deletePlan", tag = "plans",
    params(("plan" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The plan was deleted"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let admin = request.admin();
    let failed_read = |error| Problem::of_read(error, RESOURCE);
    let policies = policies::naming(&admin, &name).await.map_err(failed_read)?;
    if !policies.is_empty() {
        // If the plan does not exist, 404 takes precedence.
        admin.plan(&name).await.map_err(failed_read)?;
        return Err(in_use_by(&policies));
    }

    let change = request.begin(Action::DeletePlan, &name);
    let admin = admin.audited(&change);
    let deleted = admin.delete_plan(&name, &condition).await;
    match deleted {
        Ok(before) => change.complete(&Changes::between(Some(&stored_fields(&before)), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn in_use_by(policies: &[String]) -> Problem {
    let policies = policies.join(", ");
    let detail = format!("The plan is named in policies: {policies}. Change them first.");
    Problem::new(StatusCode::CONFLICT, detail)
}

/// Returns a stored plan in this release's form, so that only real changes differ.
pub(crate) fn stored_fields(stored: &str) -> Value {
    serde_json::from_str::<PlanDocument>(stored).map_or(Value::Null, |document| json!(document))
}
