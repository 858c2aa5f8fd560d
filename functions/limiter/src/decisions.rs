//! Decisions for services without an authorizer.

pub(crate) mod charge_token;

mod lookup;
mod refund;
mod request;
mod response;

use aws_lc_rs::hmac::Key;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use store::Call;
use utoipa::ToSchema;

use crate::Shared;
use crate::error_responses::{Reads, Writes};
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::document::Document;
use crate::response::json;

use lookup::{Lookup, Subject, find};
use request::{DecisionRequest, Mode};
use response::{DecisionResponse, RefundResponse};

/// The response to a request for a decision.
#[derive(Serialize, ToSchema)]
#[schema(as = Decided)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described")]
pub(crate) enum DecisionOrRefund {
    /// For the modes `consume` and `peek`.
    Decision(Box<DecisionResponse>),
    /// For the mode `refund`.
    Refund(RefundResponse),
}

/// Decide on a call
///
/// Decides whether a call is allowed, and charges it. The status is 200 for every decision. A call
/// that can never be allowed, however long the caller waits, is rejected with 422.
#[utoipa::path(post, path = "/_tollgate/v1/decisions", operation_id = "decide", tag = "decisions",
    request_body = DecisionRequest,
    responses((status = 200, description = "The decision", body = DecisionOrRefund), Reads, Writes))]
pub(crate) async fn decide(
    request: AdminRequest,
    document: Document<DecisionRequest>,
) -> Result<Response, Problem> {
    let asked = document.value;
    if asked.mode == Some(Mode::Refund) {
        let charge = asked.charge.as_deref().unwrap_or_default();
        let body = refund::refund(&request, charge).await?;
        return Ok(json(StatusCode::OK, &body));
    }

    // Both may have to be read from the registry. A decision takes no longer, and does not fail,
    // because the signing key of its charge cannot be read.
    let shared = &request.shared;
    let (lookup, signing_key) = tokio::join!(
        find(shared, &asked, request.deadline()),
        signing_key(shared, &asked)
    );
    let body = match lookup? {
        Lookup::Found(subject) => decision(&request, &asked, subject, signing_key).await?,
        Lookup::Decided(response) => *response,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Returns the key that signs the charge. `None` if nothing is charged or the key cannot be read.
async fn signing_key<'s>(shared: &'s Shared, asked: &DecisionRequest) -> Option<&'s Key> {
    if asked.mode == Some(Mode::Peek) {
        return None;
    }
    let deadline = shared.store.deadline();
    shared.charge_key.get(&shared.admin(), deadline).await.ok()
}

/// Decides on a call of a known subject.
async fn decision(
    request: &AdminRequest,
    asked: &DecisionRequest,
    subject: Subject,
    signing_key: Option<&Key>,
) -> Result<DecisionResponse, Problem> {
    let Subject {
        caller,
        group,
        plan,
        ..
    } = &subject;
    let route = asked
        .method_and_path()
        .and_then(|(method, path)| plan.route_limit(method, path))
        .map(AsRef::as_ref);
    let call = Call {
        caller,
        group: group.as_ref(),
        plan,
        route,
        cost: asked.cost.unwrap_or(1),
        deadline: request.deadline(),
    };

    let store = &request.shared.store;
    let decision = if asked.mode == Some(Mode::Peek) {
        store.peek(&call).await?
    } else {
        store.charge(&call).await?
    };

    let mut response = DecisionResponse::of(&decision)?;
    response.charge = signing_key
        .zip(decision.charge.as_ref())
        .and_then(|(key, charge)| charge_token::encode(key, caller, charge));
    response.caller = Some(call.charged().to_string());
    response.plan = Some(plan.name.clone());
    response.route = route.map(|route| route.route.clone());
    response.key_id = subject.key_id;
    response.user_id = subject.user_id;
    Ok(response)
}
