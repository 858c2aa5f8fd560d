//! The same change to many keys: a dry run, then the change with the token of the dry run.

mod request;
mod response;
mod selection;

use std::time::{Duration, Instant};

use axum::response::Response;
use http::StatusCode;
use registry::{BULK_KEYS, BulkRow, KeyPatch, SelectedKey};

use super::RESOURCE;
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::document::Document;
use crate::response::json;

use request::BulkRequest;
use response::{BulkPreview, BulkResponse, BulkResult};
use selection::Selection;

/// The time after which no transaction begins. A response times out after 25 s.
const CHANGE_TIME: Duration = Duration::from_secs(18);

/// Change many keys
///
/// Applies `set` to every key that `filter` selects, at most 10,000. Without a `token`, nothing is
/// changed: the response has the number of keys, the changes of the first 20, and a `token`. The
/// same request with this `token` makes the change. If other keys match then, or any field of a
/// matching key was changed, the response is 409.
///
/// Keys are changed in transactions of at most 50. If a request failed or its response has
/// `remaining` keys, some keys are changed. Begin with another dry run to change the others. A
/// request whose response was lost can be repeated: if nothing is left to change, its keys count as
/// `unchanged`, otherwise the response is 409.
#[utoipa::path(post, path = "/_tollgate/v1/keys/bulk", operation_id = "changeKeys", tag = "keys",
    request_body = BulkRequest,
    responses((status = 200, description = "The result of the dry run or of the change", body = BulkResponse), Reads, Writes))]
pub(crate) async fn change(
    request: AdminRequest,
    document: Document<BulkRequest>,
) -> Result<Response, Problem> {
    let end = Instant::now() + CHANGE_TIME;
    let document = document.value;
    let (filter, patch) = (document.filter.conditions(), document.set.clone().patch()?);
    check_plan(&request, &patch).await?;

    let selection = Selection::find(&request, &filter, &patch).await?;
    let Some(token) = document.token_of_change() else {
        let preview = BulkPreview::new(selection);
        return Ok(json(StatusCode::OK, &preview));
    };
    // If nothing is left to change, this may be the repetition of a complete change.
    if selection.changing > 0 && *token != selection.token {
        return Err(selection_changed(selection.keys.len()));
    }

    let result = apply(&request, &selection.keys, &patch, end).await?;
    Ok(json(StatusCode::OK, &result))
}

async fn check_plan(request: &AdminRequest, patch: &KeyPatch) -> Result<(), Problem> {
    let Some(plan) = &patch.plan else {
        return Ok(());
    };
    let is_known = request.admin().has_plan(plan).await;
    if is_known.map_err(|error| Problem::of_read(error, RESOURCE))? {
        return Ok(());
    }

    let detail = format!("the plan `{plan}` does not exist");
    Err(Problem::invalid_body(vec![Mistake::at(
        "/set/plan",
        detail,
    )]))
}

fn selection_changed(count: usize) -> Problem {
    let detail = format!(
        "The token belongs to another body, or a selected key has changed since the dry run. {count} keys \
         match now. Repeat the dry run, and send its token with the same body."
    );
    Problem::new(StatusCode::CONFLICT, detail)
}

/// Changes the keys in transactions, until all are changed or the time is over.
async fn apply(
    request: &AdminRequest,
    keys: &[SelectedKey],
    patch: &KeyPatch,
    end: Instant,
) -> Result<BulkResult, Problem> {
    let mut result = BulkResult::new(keys.len());
    for batch in keys.chunks(BULK_KEYS) {
        if Instant::now() >= end {
            break;
        }
        let rows = apply_batch(request, batch, patch).await?;
        for (key, row) in batch.iter().zip(rows) {
            result.add(&key.key_id, row);
        }
    }
    Ok(result)
}

/// Changes the keys of one transaction, and records each changed key in the audit log. If the store
/// does not respond, the record names the keys that may have been changed.
async fn apply_batch(
    request: &AdminRequest,
    batch: &[SelectedKey],
    patch: &KeyPatch,
) -> Result<Vec<BulkRow>, Problem> {
    let [first, last] = [batch.first(), batch.last()]
        .map(|key| key.map(|key| key.key_id.as_str()).unwrap_or_default());
    let target = format!("{} keys from {first} to {last}", batch.len());
    let change = request.begin(Action::UpdateKey, target);

    let admin = request.admin().audited(&change);
    let rows = match admin.change_keys(batch, patch, request.now).await {
        Ok(rows) => rows,
        Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
    };
    for (key, row) in batch.iter().zip(&rows) {
        if let BulkRow::Changed { before, after } = row {
            change.record_target(&key.key_id, &Changes::of_key(Some(before), Some(after)));
        }
    }
    change.discard();
    Ok(rows)
}
