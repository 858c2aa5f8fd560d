//! Authorization policies, for authorizers whose `AUTH_POLICY` is `table:NAME`.

pub(crate) mod candidate;
pub(crate) mod check;

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use policy::{NamedPlan, Policy, PolicyDocument, PolicyWarning, named_plans};
use registry::{Admin, AdminError, ManagedBy, Refusal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::body::{self, JsonBody};
use crate::request::cursor::List;
use crate::request::force::DeletionQuery;
use crate::request::managed_by::Creator;
use crate::request::precondition::Precondition;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;

const RESOURCE: &str = "policy";
/// The most plans that are looked up for the warnings of one policy.
const MAX_PLAN_LOOKUPS: usize = 64;
/// The number of policies that are read at once.
const PAGE_ITEMS: usize = 20;
/// The most policies that a response names.
const MAX_NAMED_POLICIES: usize = 10;

/// The policy as it is stored, with warnings.
#[derive(Serialize, ToSchema)]
#[schema(as = PutPolicy)]
struct PolicyWithWarnings<'p> {
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    policy: &'p Value,
    /// Settings that are valid but probably not intended. Absent if there are none. Not part of the
    /// stored policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    warnings: Vec<Mistake>,
}

/// A policy in a list.
#[derive(Serialize, ToSchema)]
struct ListedPolicy {
    /// The name of the policy.
    name: String,
    /// The entity tag of the policy, for `If-Match`.
    etag: String,
    /// True if the policy has a candidate.
    candidate: bool,
    /// The program that created the policy, from `X-Tollgate-Managed-By`. Absent if it gave no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    managed_by: Option<ManagedBy>,
}

/// One page of policies.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyList {
    /// The policies, in the order of their names.
    items: Vec<ListedPolicy>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query of a list of policies.
pub(crate) struct PolicyListQuery {
    limit: usize,
    after: Option<String>,
}

impl QueryParameters for PolicyListQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            limit: parameters.limit(),
            after: parameters.cursor(List::Policies),
        }
    }
}

/// List policies
///
/// The policies are in the order of their names.
#[utoipa::path(get, path = "/_tollgate/v1/policies", operation_id = "listPolicies", tag = "policies",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of policies", body = PolicyList), Reads))]
pub(crate) async fn list(request: AdminRequest<PolicyListQuery>) -> Result<Response, Problem> {
    let PolicyListQuery { limit, after } = &request.query;
    let page = request
        .admin()
        .policy_entries(after.as_deref(), *limit)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = page.items.into_iter().map(|entry| ListedPolicy {
        etag: response::entity_tag(&entry.version),
        name: entry.name,
        candidate: entry.has_candidate,
        managed_by: entry.managed_by,
    });
    let list = PolicyList {
        items: items.collect(),
        next_cursor: page.next.map(|last| List::Policies.cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &list))
}

/// Get a policy
#[utoipa::path(get, path = "/_tollgate/v1/policies/{name}", operation_id = "getPolicy", tag = "policies",
    params(("name" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The policy", body = Value, headers(("ETag" = String),
        ("x-tollgate-managed-by" = Option<String>, description = "The program that created the policy"))),
        (status = 304, description = "The policy has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let body =
        |text: String| serde_json::from_str::<Value>(&text).map_err(|error| Problem::fault(&error));
    let admin = request.admin();
    response::named_document(&request.headers, RESOURCE, admin.policy(&name), body).await
}

/// Create or replace a policy
///
/// A policy that the authorizer could not load is rejected. Instances of the authorizer reload the
/// policy every five minutes. The response contains the policy, and `warnings` about settings that
/// are probably not intended, such as a plan that does not exist.
#[utoipa::path(put, path = "/_tollgate/v1/policies/{name}", operation_id = "putPolicy", tag = "policies",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
        ("x-tollgate-managed-by" = Option<String>, Header, pattern = "^[a-z0-9-]{1,64}$",
        description = "The name of the program that sends the request. It is stored if the request creates the policy")),
    request_body = PolicyDocument,
    responses((status = 200, description = "The policy was replaced", body = PolicyWithWarnings, headers(("ETag" = String))),
        (status = 201, description = "The policy was created", body = PolicyWithWarnings, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Creator(creator): Creator,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let document = body::parse(&body)?;
    let policy = check::policy(&document, &request.shared.key_header)?;
    let text = document.to_string();

    let change = request.begin(Action::PutPolicy, &name);
    let admin = request.admin().audited(&change);
    let admin = admin.created_by(creator.as_ref());
    let put = admin.put_policy(&name, &text, &condition).await;
    let put = match put {
        Ok(put) => put,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    let before: Option<Value> = put.before.as_deref().map(stored_fields);
    change.complete(&Changes::of_object(
        before.as_ref(),
        Some(&document),
        put.creator(),
    ));

    let body = PolicyWithWarnings {
        policy: &document,
        warnings: warnings(&policy, &request.admin()).await,
    };
    Ok(response::put(&put, &body))
}

/// Delete a policy
///
/// The candidate of the policy is deleted too. The policy that the authorizer of this stack uses is
/// not deleted, unless `force` is true. Authorizers of other stacks that share the registry are not
/// known. Instances that use a deleted policy keep it, but no new instance can start.
#[utoipa::path(delete, path = "/_tollgate/v1/policies/{name}", operation_id = "deletePolicy", tag = "policies",
    params(("name" = String, Path), ("force" = Option<bool>, Query), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The policy was deleted"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest<DeletionQuery>,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let admin = request.admin();
    let is_in_use = request.shared.policy_in_use.as_deref() == Some(&*name);
    if is_in_use && !request.query.is_forced {
        // If the policy does not exist, 404 takes precedence.
        let stored = admin.policy(&name).await;
        stored.map_err(|error| Problem::of_read(error, RESOURCE))?;
        return Err(in_use());
    }

    let change = request.begin(Action::DeletePolicy, &name);
    match admin
        .audited(&change)
        .delete_policy(&name, &condition)
        .await
    {
        Ok(before) => change.complete(&Changes::between(Some(&stored_fields(&before)), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn in_use() -> Problem {
    let detail = "The authorizer of this stack uses the policy. Set another one in the parameter \
                  `AuthPolicy` first, or send `force=true`.";
    Problem::new(StatusCode::CONFLICT, detail)
}

/// Returns the fields of a stored policy. An unreadable one has none.
fn stored_fields(stored: &str) -> Value {
    serde_json::from_str(stored).unwrap_or_default()
}

/// Returns the stored policies that name a plan, each with the first field that does.
///
/// # Errors
/// The store's failure.
pub(crate) async fn naming(admin: &Admin<'_>, plan: &str) -> Result<Vec<String>, AdminError> {
    let (mut names, mut after) = (Vec::new(), None);

    loop {
        let page = admin.policies(after.as_deref(), PAGE_ITEMS).await?;
        for (policy, text) in page.items {
            // No authorizer uses an invalid policy, so it names nothing.
            let places = named_plans(&text).unwrap_or_default();
            let place = places.into_iter().find(|named| named.plan == plan);
            names.extend(place.map(|named| format!("`{policy}` at `{}`", named.place)));
        }

        after = page.next;
        if after.is_none() || names.len() >= MAX_NAMED_POLICIES {
            return Ok(names);
        }
    }
}

/// Returns the warnings about a policy, and about the plans that it names. If the store fails, the
/// remaining plans are not checked.
async fn warnings(policy: &Policy, admin: &Admin<'_>) -> Vec<Mistake> {
    let mut warnings: Vec<_> = policy.warnings().iter().map(warning).collect();

    let mut by_name: BTreeMap<&str, Vec<&NamedPlan>> = BTreeMap::new();
    for named in policy.named_plans() {
        by_name.entry(&named.plan).or_default().push(named);
    }

    for (name, places) in by_name.into_iter().take(MAX_PLAN_LOOKUPS) {
        match admin.plan(name).await {
            Err(AdminError::Refused(Refusal::NotFound)) => {
                warnings.extend(places.into_iter().map(|named| warning(&named.unknown())));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    warnings
}

/// Returns a warning with the JSON pointer of its place.
pub(crate) fn warning(warning: &PolicyWarning) -> Mistake {
    Mistake::at(check::pointer(&warning.place), warning.message.clone())
}
