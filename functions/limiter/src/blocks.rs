//! Blocks: emergency stops of callers.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use jiff::Timestamp;
use limits::instant_text;
use registry::{Block, BlockIdError, BlockTarget, MAX_NOTE_CHARACTERS};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::document::{Document, RequestDocument, instant_or_null};
use crate::request::precondition::Precondition;
use crate::response;
use crate::schema::mistakes::Mistakes;

const RESOURCE: &str = "block";

/// A block to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock {
    /// The time at which the block ends. Default: never.
    #[serde(default, deserialize_with = "instant_or_null")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The reason, for administrators. Callers do not see it.
    #[schema(max_length = 256)]
    note: Option<String>,
}

impl RequestDocument for NewBlock {
    const SCHEMA: &'static str = "NewBlock";
    const IS_OPTIONAL: bool = true;

    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if self.until.is_some_and(|until| until <= now) {
            mistakes.push(Mistake::at("/until", "the time is in the past"));
        }
        if let Some(note) = &self.note
            && note.chars().count() > MAX_NOTE_CHARACTERS
        {
            let detail = format!("expected at most {MAX_NOTE_CHARACTERS} characters");
            mistakes.push(Mistake::at("/note", detail));
        }
        mistakes
    }
}

/// A block.
#[derive(Serialize, ToSchema)]
#[schema(as = Block)]
pub(crate) struct ShownBlock {
    /// The kind of callers: `key`, `sub`, `cert`, `ip` or `issuer`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// The id of the callers, in the form that the path has.
    id: String,
    /// The id in readable form: a network in CIDR notation, an issuer as it is in tokens.
    target: String,
    /// The time at which the block ends. Null if it does not end.
    #[serde(serialize_with = "limits::optional_instant")]
    #[schema(required, value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The reason.
    #[schema(required)]
    note: Option<String>,
    /// The time of creation.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Block> for ShownBlock {
    fn from(block: Block) -> Self {
        Self {
            kind: block.target.kind().as_str(),
            id: block.target.id(),
            target: block.target.to_string(),
            until: block.until,
            note: block.note,
            created_at: block.created_at,
        }
    }
}

/// All blocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockList {
    /// The blocks that are in force, at most 1,000, in the order of their kinds.
    items: Vec<ShownBlock>,
}

/// List blocks
///
/// The response contains all blocks that are in force.
#[utoipa::path(get, path = "/_tollgate/v1/blocks", operation_id = "listBlocks", tag = "blocks",
    responses((status = 200, description = "The blocks", body = BlockList), Reads))]
pub(crate) async fn list(request: AdminRequest) -> Result<Response, Problem> {
    let blocks = request.admin().blocks(request.now).await;
    let blocks = blocks.map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = blocks.into_iter().map(ShownBlock::from).collect();
    Ok(response::json(StatusCode::OK, &BlockList { items }))
}

/// Get a block
#[utoipa::path(get, path = "/_tollgate/v1/blocks/{kind}/{id}", operation_id = "getBlock", tag = "blocks",
    params(("kind" = String, Path), ("id" = String, Path), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The block", body = ShownBlock, headers(("ETag" = String))),
        (status = 304, description = "The block has the version in If-None-Match"), Reads))]
pub(crate) async fn get(
    request: AdminRequest,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let target = target(&kind, &id)?;
    let admin = request.admin();
    let block = admin.block(&target, request.now);
    let body = |block| Ok(ShownBlock::from(block));
    response::document(&request.headers, RESOURCE, block, body).await
}

/// Create or replace a block
///
/// Every instance of the authorizer refuses the callers with 403 `blocked` within 30 seconds. The id
/// depends on the kind: the id of a key; for `sub` and `cert` the 64 hexadecimal digits that logs
/// show; for `issuer` the `iss` of the tokens exactly, at most 1,024 bytes, in base64url without
/// padding; for `ip` an address, or a network in CIDR notation in base64url without padding. A
/// blocked network applies to decisions only if the request has `source_ip`.
#[utoipa::path(put, path = "/_tollgate/v1/blocks/{kind}/{id}", operation_id = "putBlock", tag = "blocks",
    params(("kind" = String, Path), ("id" = String, Path),
        ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body = NewBlock,
    responses((status = 200, description = "The block was replaced", body = ShownBlock, headers(("ETag" = String))),
        (status = 201, description = "The block was created", body = ShownBlock, headers(("ETag" = String))),
        Reads, Writes))]
pub(crate) async fn put(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path((kind, id)): Path<(String, String)>,
    document: Document<NewBlock>,
) -> Result<Response, Problem> {
    let block = Block {
        target: target(&kind, &id)?,
        until: document.value.until,
        note: document.value.note,
        created_at: request.now,
    };

    let change = request.begin(Action::PutBlock, audit_target(&block.target));
    let admin = request.admin().audited(&change);
    let put = admin.put_block(&block, &condition, request.now).await;
    let put = match put {
        Ok(put) => put,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    let before = put.before.as_ref().map(fields);
    change.complete(&Changes::between(
        before.as_ref(),
        Some(&fields(&put.block)),
    ));

    let status = match put.before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    let body = ShownBlock::from(put.block);
    Ok(response::versioned(status, &put.version, &body))
}

/// Remove a block
///
/// Every instance of the authorizer accepts the callers again within 30 seconds.
#[utoipa::path(delete, path = "/_tollgate/v1/blocks/{kind}/{id}", operation_id = "deleteBlock", tag = "blocks",
    params(("kind" = String, Path), ("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "The block was removed"), Reads, Writes))]
pub(crate) async fn delete(
    request: AdminRequest,
    Precondition(condition): Precondition,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let target = target(&kind, &id)?;
    let change = request.begin(Action::DeleteBlock, audit_target(&target));
    let admin = request.admin().audited(&change);
    let deleted = admin.delete_block(&target, &condition, request.now).await;

    match deleted {
        Ok(block) => change.complete(&Changes::between(Some(&fields(&block)), None)),
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads the target from the path.
///
/// # Errors
/// 400 if the kind or the id is invalid.
fn target(kind: &str, id: &str) -> Result<BlockTarget, Problem> {
    BlockTarget::parse(kind, id).map_err(|error| {
        let parameter = match error {
            BlockIdError::Kind => "kind",
            BlockIdError::Id(_) => "id",
        };
        let mistake = Mistake::in_parameter(parameter, error.to_string());
        Problem::invalid_parameters(vec![mistake])
    })
}

fn audit_target(target: &BlockTarget) -> String {
    format!("{}/{target}", target.kind().as_str())
}

/// Returns the fields for the audit log and the audit records. They are never empty, so that a block without an end and a
/// note is recorded too.
pub(crate) fn fields(block: &Block) -> Value {
    let until = block.until.map(instant_text);
    json!({"until": until, "note": block.note, "created_at": block.created_at})
}
