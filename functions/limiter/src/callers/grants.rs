//! Grants of callers other than keys.

use axum::extract::Path;
use axum::response::Response;
use limits::Caller;

use super::{CallerGrantQuery, find_plan, invalid_plan, missing_plan};
use crate::callers::caller_id::CallerId;
use crate::error_responses::{Reads, Writes};
use crate::grants::list::{GrantList, list};
use crate::grants::revoke::revoke;
use crate::grants::{Grant, GrantResult, Grantee, grant_to};
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::document::Document;

/// Grant calls to a caller
///
/// As for a key. `plan` is required, and names the plan of the quota. All keys of a group share the
/// granted calls.
#[utoipa::path(patch, path = "/_tollgate/v1/callers/{kind}/{id}/usage", operation_id = "grantUsageToCaller", tag = "usage",
    params(("kind" = String, Path, pattern = "^(sub|cert|group|ip)$"), ("id" = String, Path, pattern = "^[0-9A-Za-z.:_-]+$"),
        ("plan" = String, Query),
        ("Idempotency-Key" = Option<String>, Header, min_length = 16, max_length = 255)),
    request_body = Grant,
    responses((status = 200, description = "The calls were granted", body = GrantResult), Reads, Writes))]
pub(crate) async fn grant(
    request: AdminRequest<CallerGrantQuery>,
    Path((kind, id)): Path<(String, String)>,
    document: Document<Grant>,
) -> Result<Response, Problem> {
    let (caller, name) = caller_and_plan(&request, &kind, &id)?;
    let operation = format!("PATCH /callers/{kind}/{id}/usage?plan={name}");
    let grantee = grantee(&request, caller, name);
    grant_to(&request, &operation, grantee, document).await
}

/// List the grants of a caller
///
/// As for a key. `plan` is required, and names the plan of the quotas.
#[utoipa::path(get, path = "/_tollgate/v1/callers/{kind}/{id}/grants", operation_id = "listGrantsOfCaller", tag = "usage",
    params(("kind" = String, Path, pattern = "^(sub|cert|group|ip)$"), ("id" = String, Path, pattern = "^[0-9A-Za-z.:_-]+$"),
        ("plan" = String, Query)),
    responses((status = 200, description = "The grants", body = GrantList), Reads))]
pub(crate) async fn list_grants(
    request: AdminRequest<CallerGrantQuery>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (caller, name) = caller_and_plan(&request, &kind, &id)?;
    let grantee = grantee(&request, caller, name).await?;
    list(&request, &grantee).await
}

/// Revoke a grant of a caller
///
/// As for a key. `plan` is required, and names the plan of the quota.
#[utoipa::path(delete, path = "/_tollgate/v1/callers/{kind}/{id}/grants/{grant_id}", operation_id = "revokeGrantOfCaller", tag = "usage",
    params(("kind" = String, Path, pattern = "^(sub|cert|group|ip)$"), ("id" = String, Path, pattern = "^[0-9A-Za-z.:_-]+$"),
        ("grant_id" = String, Path), ("plan" = String, Query)),
    responses((status = 204, description = "The grant is revoked"), Reads, Writes))]
pub(crate) async fn revoke_grant(
    request: AdminRequest<CallerGrantQuery>,
    Path((kind, id, grant_id)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (caller, name) = caller_and_plan(&request, &kind, &id)?;
    let grantee = grantee(&request, caller, name).await?;
    revoke(&request, &grantee, &grant_id).await
}

/// Returns the caller of a path and the name of the plan.
///
/// # Errors
/// 404 for an unknown caller, 400 without a plan.
fn caller_and_plan<'r>(
    request: &'r AdminRequest<CallerGrantQuery>,
    kind: &str,
    id: &str,
) -> Result<(Caller, &'r str), Problem> {
    let plan = request.query.plan.as_deref();
    let caller = CallerId::parse(kind, id)?.caller(plan)?;
    let name = plan.ok_or_else(|| missing_plan("the plan of the quota"))?;
    Ok((caller, name))
}

/// # Errors
/// 400 if the plan does not exist or counts its callers together, or the store's failure.
async fn grantee<Q>(
    request: &AdminRequest<Q>,
    caller: Caller,
    name: &str,
) -> Result<Grantee, Problem> {
    let plan = find_plan(request, name).await?;
    if plan.shared.is_some() {
        let detail =
            format!("the keys of the plan `{name}` share its limits, use the path of a key");
        return Err(invalid_plan(detail));
    }

    Ok(Grantee {
        target: caller.to_string(),
        caller,
        plan,
    })
}
