//! Candidates: policies that the authorizer evaluates in addition to the one in force.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use policy::PolicyDocument;
use serde_json::Value;

use super::{PolicyWithWarnings, check, stored_fields, warnings};
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::body::{self, JsonBody};
use crate::request::precondition::Precondition;
use crate::response;

const RESOURCE: &str = "candidate";

/// Get the candidate of a policy
#[utoipa::path(get, path = "/_tollgate/v1/policies/{name}/candidate", operation_id = "getCandidate", tag = "policies",
    params(("name" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The candidate", body = Value, headers(("ETag" = String))),
        (status = 304, description = "The candidate has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let body =
        |text: String| serde_json::from_str::<Value>(&text).map_err(|error| Problem::fault(&error));
    let admin = request.admin();
    response::document(&request.headers, RESOURCE, admin.candidate(&name), body).await
}

/// Create or replace the candidate of a policy
///
/// The candidate is a policy that the authorizer evaluates in addition to the one in force. It never
/// affects a response. The authorizer logs each decision that would differ. The policy must exist.
#[utoipa::path(put, path = "/_tollgate/v1/policies/{name}/candidate", operation_id = "putCandidate", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body = PolicyDocument,
    responses((status = 200, description = "The candidate was replaced", body = PolicyWithWarnings, headers(("ETag" = String))),
        (status = 201, description = "The candidate was created", body = PolicyWithWarnings, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let document = body::parse(&body)?;
    let policy = check::policy(&document, &request.shared.key_header)?;
    let text = document.to_string();

    let change = request.begin(Action::PutCandidate, &name);
    let admin = request.admin().audited(&change);
    let put = match admin.put_candidate(&name, &text, &condition).await {
        Ok(put) => put,
        // The only item that must exist is the policy.
        Err(error) => return Err(change.fail(Problem::of_write(error, super::RESOURCE))),
    };
    let before = put.before.as_deref().map(stored_fields);
    change.complete(&Changes::between(before.as_ref(), Some(&document)));

    let body = PolicyWithWarnings {
        policy: &document,
        warnings: warnings(&policy, &request.admin()).await,
    };
    Ok(response::put(&put, &body))
}

/// Delete the candidate of a policy
#[utoipa::path(delete, path = "/_tollgate/v1/policies/{name}/candidate", operation_id = "deleteCandidate", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The candidate was deleted"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let change = request.begin(Action::DeleteCandidate, &name);
    let admin = request.admin().audited(&change);
    match admin.delete_candidate(&name, &condition).await {
        Ok(before) => change.complete(&Changes::between(Some(&stored_fields(&before)), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Put the candidate of a policy in force
///
/// The candidate replaces the policy and ceases to be a candidate, in one transaction. The response
/// is the policy. `If-Match` refers to the candidate. If the policy was changed after the candidate
/// was written, the response is 409 and nothing changes.
#[utoipa::path(post, path = "/_tollgate/v1/policies/{name}/promote", operation_id = "promoteCandidate", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, description = "The candidate is in force", body = Value, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn promote(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let change = request.begin(Action::PromoteCandidate, &name);
    let admin = request.admin().audited(&change);
    let promotion = match admin.promote_candidate(&name, &condition).await {
        Ok(promotion) => promotion,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };

    let after = stored_fields(&promotion.after);
    change.complete(&Changes::between(
        Some(&stored_fields(&promotion.before)),
        Some(&after),
    ));
    Ok(response::versioned(
        StatusCode::OK,
        &promotion.version,
        &after,
    ))
}
