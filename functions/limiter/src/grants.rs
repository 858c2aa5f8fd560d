//! Grants: additional calls in the current window of a quota.

pub(crate) mod list;
pub(crate) mod revoke;

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use limits::{Caller, GrantId, Plan};
use serde::{Deserialize, Serialize};
use store::GrantRequest;
use utoipa::ToSchema;

use crate::Shared;
use crate::audit::{Action, Amount};
use crate::error_responses::{Reads, Writes};
use crate::idempotency::{self, Idempotency};
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::document::{Document, RequestDocument};
use crate::response;
use crate::usage_report::subject::limits_of;

/// A grant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// The name of the quota.
    quota: String,
    /// The number of calls to add to the current window. A negative number removes calls.
    #[schema(minimum = -999_999_999_999_999i64, maximum = 999_999_999_999_999i64)]
    grant: i64,
}

impl RequestDocument for Grant {
    const SCHEMA: &'static str = "Grant";
}

/// The quota after a grant.
#[derive(Serialize, ToSchema)]
#[schema(as = Granted)]
pub(crate) struct GrantResult {
    /// The name of the quota.
    quota: String,
    /// The number of calls that were added or removed. It is less than requested if fewer calls
    /// were left to remove.
    granted: i64,
    /// `[used, remaining]`.
    usage: [u64; 2],
    /// The id of the grant, with which it can be revoked. It is missing if nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{15}$")]
    id: Option<String>,
}

/// Grant calls
///
/// Adds calls to the current window of a quota, or removes them. The limit and all grants of one
/// window are at most 999,999,999,999,999 calls. With an `Idempotency-Key`, a repeated request gets
/// the same response for 24 hours and changes nothing more. If keys share their limits by a group
/// or by `shared_by_plan`, they share the calls.
#[utoipa::path(patch, path = "/_tollgate/v1/keys/{key_id}/usage", operation_id = "grantUsage", tag = "usage",
    params(("key_id" = String, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 16, max_length = 255)),
    request_body = Grant,
    responses((status = 200, description = "The calls were granted", body = GrantResult), Reads, Writes))]
pub(crate) async fn grant(
    request: AdminRequest,
    Path(key_id): Path<String>,
    document: Document<Grant>,
) -> Result<Response, Problem> {
    let operation = format!("PATCH /keys/{key_id}/usage");
    let grantee = Grantee::key(&request.shared, key_id);
    grant_to(&request, &operation, grantee, document).await
}

/// The caller that gets the calls, or from which they are taken back.
pub(crate) struct Grantee {
    pub(crate) caller: Caller,
    /// The plan of the quota.
    pub(crate) plan: Arc<Plan>,
    /// The caller in the log.
    pub(crate) target: String,
}

impl Grantee {
    /// Returns the caller to which the calls of an existing key are charged.
    ///
    /// # Errors
    /// 404 if the key or its plan does not exist, or the store's failure.
    async fn key(shared: &Shared, key_id: String) -> Result<Self, Problem> {
        let (caller, plan) = limits_of(shared, &key_id).await?;
        Ok(Self {
            caller,
            plan,
            target: key_id,
        })
    }
}

/// Grants calls of a quota. An `Idempotency-Key` belongs to `operation`.
///
/// # Errors
/// The refusal of the grant, or the store's failure.
pub(crate) async fn grant_to<Q>(
    request: &AdminRequest<Q>,
    operation: &str,
    grantee: impl Future<Output = Result<Grantee, Problem>>,
    document: Document<Grant>,
) -> Result<Response, Problem> {
    let Grant { quota, grant } = document.value;
    let idempotency = Idempotency::of_request(&request.headers, operation, &document.text)?;
    let grantee = grantee.await?;

    let id = idempotency.as_ref().map(Idempotency::item_id);
    let deadline = request.deadline();
    let change = request.begin(Action::Grant, grantee.target);
    let order = GrantRequest {
        caller: &grantee.caller,
        plan: &grantee.plan,
        quota: &quota,
        amount: grant,
        id,
        trail: Some(&change),
        deadline,
    };
    let granted = match request.shared.store.grant(&order).await {
        Ok(granted) => granted,
        Err(error) => return Err(change.fail(error.into())),
    };
    if granted.repeated {
        change.discard();
    } else {
        change.complete_amount(&Amount {
            quota: Some(quota.clone()),
            amount: granted.granted,
        });
    }

    let body = GrantResult {
        quota,
        granted: granted.granted,
        usage: [granted.used, granted.remaining],
        id: granted.id.as_ref().map(GrantId::to_string),
    };
    let mut response = response::json(StatusCode::OK, &body);
    if granted.repeated {
        idempotency::mark_as_replayed(&mut response);
    }
    Ok(response)
}
