//! The list of grants in the present windows of a caller.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use limits::{Nanos, instant_text};
use serde::Serialize;
use store::{CallerGrants, QuotaGrant};
use utoipa::ToSchema;

use super::Grantee;
use crate::error_responses::Reads;
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::response;

/// The grants of a caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantList {
    /// The grants in the present windows of the quotas, the newest first. Each window has at most 50.
    items: Vec<ListedGrant>,
    /// The number of earlier grants in these windows. They are in force, but not listed.
    unlisted: u64,
}

/// A grant in a present window.
#[derive(Serialize, ToSchema)]
struct ListedGrant {
    /// The id.
    #[schema(pattern = "^[0-9]{15}$")]
    id: String,
    /// The name of the quota.
    quota: String,
    /// The number of calls that were added, below 0 if they were removed.
    amount: i64,
    /// The instant of the grant.
    #[schema(format = DateTime)]
    at: String,
    /// The start of the window. A quota with the period `total` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    window_start: Option<String>,
    /// The end of the window. A quota with the period `total` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    window_end: Option<String>,
    /// The instant at which the grant was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    revoked_at: Option<String>,
    /// The number of calls that were left when the grant was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked: Option<u64>,
}

impl From<CallerGrants> for GrantList {
    fn from(found: CallerGrants) -> Self {
        Self {
            items: found.grants.into_iter().map(ListedGrant::from).collect(),
            unlisted: found.unlisted,
        }
    }
}

impl From<QuotaGrant> for ListedGrant {
    fn from(found: QuotaGrant) -> Self {
        let QuotaGrant {
            quota,
            window,
            grant,
        } = found;
        let bound = |nanos| (!window.is_endless()).then(|| text(nanos));
        Self {
            id: grant.id.to_string(),
            quota: quota.to_string(),
            amount: grant.amount,
            at: text(grant.at),
            window_start: bound(window.start),
            window_end: bound(window.end),
            revoked_at: grant.revocation.map(|revocation| text(revocation.at)),
            revoked: grant.revocation.map(|revocation| revocation.calls),
        }
    }
}

/// Writes an instant. One outside the calendar becomes its end.
fn text(nanos: Nanos) -> String {
    instant_text(Timestamp::from_nanosecond(nanos).unwrap_or(Timestamp::MAX))
}

/// List the grants of a key
///
/// Lists the grants in the present windows of the quotas of the key's plan. If keys share their
/// limits by a group or by `shared_by_plan`, they share the grants.
#[utoipa::path(get, path = "/_tollgate/v1/keys/{key_id}/grants", operation_id = "listGrants", tag = "usage",
    params(("key_id" = String, Path)),
    responses((status = 200, description = "The grants", body = GrantList), Reads))]
pub(crate) async fn of_key(
    request: AdminRequest,
    Path(key_id): Path<String>,
) -> Result<Response, Problem> {
    let grantee = Grantee::key(&request.shared, key_id).await?;
    list(&request, &grantee).await
}

/// Lists the grants of a caller.
///
/// # Errors
/// The store's failure.
pub(crate) async fn list<Q>(
    request: &AdminRequest<Q>,
    grantee: &Grantee,
) -> Result<Response, Problem> {
    let store = &request.shared.store;
    let deadline = request.deadline();
    let grants = store
        .grants(&grantee.caller, &grantee.plan, deadline)
        .await?;
    Ok(response::json(StatusCode::OK, &GrantList::from(grants)))
}
