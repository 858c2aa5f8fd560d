//! The revocation of a grant: the calls of it that are left are taken back.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use limits::{GrantId, GrantRefusal};
use store::{GrantError, RevokeRequest};

use super::Grantee;
use crate::audit::{Action, Amount};
use crate::error_responses::{Reads, Writes};
use crate::problem::Problem;
use crate::request::AdminRequest;

/// Revoke a grant
///
/// Takes back the calls of a grant that are left, and never more than the remaining calls of the
/// quota. A grant that was revoked before stays as it is, and the response is 204. A grant that is
/// not listed gets 404, and one that removed calls gets 409.
#[utoipa::path(delete, path = "/_tollgate/v1/keys/{key_id}/grants/{grant_id}", operation_id = "revokeGrant", tag = "usage",
    params(("key_id" = String, Path), ("grant_id" = String, Path)),
    responses((status = 204, description = "The grant is revoked"), Reads, Writes))]
pub(crate) async fn of_key(
    request: AdminRequest,
    Path((key_id, grant_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let grantee = Grantee::key(&request.shared, key_id).await?;
    revoke(&request, &grantee, &grant_id).await
}

/// Revokes a grant of a caller.
///
/// # Errors
/// 404 if the grant is not listed, 409 if it removed calls, or the store's failure.
pub(crate) async fn revoke<Q>(
    request: &AdminRequest<Q>,
    grantee: &Grantee,
    grant_id: &str,
) -> Result<Response, Problem> {
    let Ok(id) = grant_id.parse::<GrantId>() else {
        return Err(GrantError::from(GrantRefusal::UnknownGrant).into());
    };

    let change = request.begin(Action::Revoke, grantee.target.clone());
    let order = RevokeRequest {
        caller: &grantee.caller,
        plan: &grantee.plan,
        id,
        trail: Some(&change),
        deadline: request.deadline(),
    };
    match request.shared.store.revoke(&order).await {
        Err(error) => return Err(change.fail(error.into())),
        Ok(revoked) if revoked.repeated => change.discard(),
        Ok(revoked) => change.complete_amount(&Amount {
            quota: Some(revoked.quota.to_string()),
            amount: -i64::try_from(revoked.calls).unwrap_or(i64::MAX),
        }),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
