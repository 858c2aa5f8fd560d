//! Compositions, for composers whose `COMPOSITIONS` is `table:NAME`.
//!
//! A stored composition is one document with any number of routes. Its text is stored as it was
//! sent, because the order of its parts is the order of the fields of a response.

mod check;

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use composition::CompositionsDocument;
use http::StatusCode;
use registry::ManagedBy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::body::JsonBody;
use crate::request::cursor::List;
use crate::request::force::DeletionQuery;
use crate::request::managed_by::Creator;
use crate::request::precondition::Precondition;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;

use check::CheckedComposition;

const RESOURCE: &str = "composition";

/// The composer of this stack, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct ComposerSettings {
    /// The path below which all routes of the composer are. `None` if the stack has no composer:
    /// then a composition may have routes below any path.
    pub prefix: Option<Arc<str>>,
    /// The stored composition that the composer uses. It is deleted only with `force=true`.
    pub in_use: Option<Arc<str>>,
}

/// The composition as it is stored, with warnings.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PutComposition)]
struct CompositionWithWarnings<'t> {
    /// The services that parts call, by name. Absent if the document has none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    services: Option<&'t RawValue>,
    /// The routes, by method and path.
    #[serde(borrow)]
    #[schema(value_type = Value)]
    routes: &'t RawValue,
    /// Settings that are valid but probably not intended. Absent if there are none. Not part of the
    /// stored composition.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Mistake>, required = false)]
    warnings: Vec<Mistake>,
}

/// A composition in a list.
#[derive(Serialize, ToSchema)]
struct ListedComposition {
    /// The name of the composition.
    name: String,
    /// The entity tag of the composition, for `If-Match`.
    etag: String,
    /// The program that created the composition, from `X-Tollgate-Managed-By`. Absent if it gave no
    /// name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    managed_by: Option<ManagedBy>,
}

/// One page of compositions.
#[derive(Serialize, ToSchema)]
pub(crate) struct CompositionList {
    /// The compositions, in the order of their names.
    items: Vec<ListedComposition>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The query of a list of compositions.
pub(crate) struct CompositionListQuery {
    limit: usize,
    after: Option<String>,
}

impl QueryParameters for CompositionListQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            limit: parameters.limit(),
            after: parameters.cursor(List::Compositions),
        }
    }
}

/// List compositions
///
/// The compositions are in the order of their names.
#[utoipa::path(get, path = "/_tollgate/v1/compositions", operation_id = "listCompositions", tag = "compositions",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of compositions", body = CompositionList), Reads))]
pub(crate) async fn list(request: AdminRequest<CompositionListQuery>) -> Result<Response, Problem> {
    let CompositionListQuery { limit, after } = &request.query;
    let page = request
        .admin()
        .composition_entries(after.as_deref(), *limit)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = page.items.into_iter().map(|entry| ListedComposition {
        etag: response::entity_tag(&entry.version),
        name: entry.name,
        managed_by: entry.managed_by,
    });
    let list = CompositionList {
        items: items.collect(),
        next_cursor: page.next.map(|last| List::Compositions.cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &list))
}

/// Get a composition
///
/// The response is the text that was sent.
#[utoipa::path(get, path = "/_tollgate/v1/compositions/{name}", operation_id = "getComposition", tag = "compositions",
    params(("name" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The composition", body = Value, headers(("ETag" = String),
        ("x-tollgate-managed-by" = Option<String>, description = "The program that created the composition"))),
        (status = 304, description = "The composition has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let body = |text: String| RawValue::from_string(text).map_err(|error| Problem::fault(&error));
    let admin = request.admin();
    let stored = admin.composition(&name);
    response::named_document(&request.headers, RESOURCE, stored, body).await
}

/// Create or replace a composition
///
/// A composition that the composer could not load is rejected, and so are routes that are not below
/// the path of the composer of this stack. Instances of the composer reload the composition every
/// five minutes. The response contains the composition, and `warnings` about settings that are
/// probably not intended.
#[utoipa::path(put, path = "/_tollgate/v1/compositions/{name}", operation_id = "putComposition", tag = "compositions",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header),
        ("x-tollgate-managed-by" = Option<String>, Header, pattern = "^[a-z0-9-]{1,64}$",
        description = "The name of the program that sends the request. It is stored if the request creates the composition")),
    request_body = CompositionsDocument,
    responses((status = 200, description = "The composition was replaced", body = CompositionWithWarnings, headers(("ETag" = String))),
        (status = 201, description = "The composition was created", body = CompositionWithWarnings, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Creator(creator): Creator,
    Path(name): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let CheckedComposition { text, warnings } = check::composition(&body, &request.shared)?;

    let change = request.begin(Action::PutComposition, &name);
    let admin = request.admin().audited(&change);
    let admin = admin.created_by(creator.as_ref());
    let put = match admin.put_composition(&name, &text, &condition).await {
        Ok(put) => put,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    let before: Option<Value> = put.before.as_deref().map(stored_fields);
    change.complete(&Changes::of_object(
        before.as_ref(),
        Some(&stored_fields(&text)),
        put.creator(),
    ));

    let body: CompositionWithWarnings<'_> =
        serde_json::from_str(&text).map_err(|error| Problem::fault(&error))?;
    Ok(response::put(
        &put,
        &CompositionWithWarnings { warnings, ..body },
    ))
}

/// Delete a composition
///
/// The composition that the composer of this stack uses is not deleted, unless `force` is true.
/// Composers of other stacks that share the registry are not known. Instances that use a deleted
/// composition keep it, but no new instance can start.
#[utoipa::path(delete, path = "/_tollgate/v1/compositions/{name}", operation_id = "deleteComposition", tag = "compositions",
    params(("name" = String, Path), ("force" = Option<bool>, Query), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The composition was deleted"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest<DeletionQuery>,
    Precondition(condition): Precondition,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let admin = request.admin();
    let is_in_use = request.shared.composer.in_use.as_deref() == Some(&*name);
    if is_in_use && !request.query.is_forced {
        // If the composition does not exist, 404 takes precedence.
        let stored = admin.composition(&name).await;
        stored.map_err(|error| Problem::of_read(error, RESOURCE))?;
        return Err(in_use());
    }

    let change = request.begin(Action::DeleteComposition, &name);
    match admin
        .audited(&change)
        .delete_composition(&name, &condition)
        .await
    {
        Ok(before) => change.complete(&Changes::between(Some(&stored_fields(&before)), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn in_use() -> Problem {
    let detail = "The composer of this stack uses the composition. Set another one in the parameter \
                  `Compositions` first, or send `force=true`.";
    Problem::new(StatusCode::CONFLICT, detail)
}

/// Returns the fields of a stored composition. An unreadable one has none.
fn stored_fields(stored: &str) -> Value {
    serde_json::from_str(stored).unwrap_or_default()
}
