//! The hashes of keys, with which another stack can take over their secrets.

use axum::response::Response;
use http::StatusCode;
use registry::KeyHash;
use serde::Serialize;
use utoipa::ToSchema;

use super::RESOURCE;
use crate::error_responses::Reads;
use crate::problem::Problem;
use crate::request::AdminRequest;
use crate::request::cursor::List;
use crate::request::query::{Parameters, QueryParameters};
use crate::response;

/// One page of hashes.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyHashList {
    /// The hashes, in a stable order of the keys.
    items: Vec<HashedKey>,
    /// The `cursor` of the next page, or null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The hash of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct HashedKey {
    /// The id of the key.
    key_id: String,
    /// The SHA-256 of the present secret, as 64 hexadecimal digits.
    #[schema(value_type = String)]
    hash: KeyHash,
}

/// The query of a list of hashes.
pub(crate) struct KeyHashListQuery {
    limit: usize,
    after: Option<String>,
}

impl QueryParameters for KeyHashListQuery {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            limit: parameters.limit(),
            after: parameters.cursor(List::KeyHashes),
        }
    }
}

/// List the hashes of keys
///
/// Lists the SHA-256 of each key's present secret. Another stack takes over the secret with `hash` in
/// `PUT` or `POST`. The hash of a secret that is easy to guess reveals it, so an IAM policy can deny
/// this path on its own.
#[utoipa::path(get, path = "/_tollgate/v1/keys/hashes", operation_id = "listKeyHashes", tag = "keys",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "One page of hashes", body = KeyHashList), Reads))]
pub(crate) async fn list(request: AdminRequest<KeyHashListQuery>) -> Result<Response, Problem> {
    let KeyHashListQuery { limit, after } = &request.query;
    let page = request
        .admin()
        .key_hashes(after.as_deref(), *limit)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;

    let items = page.items.into_iter();
    let items = items.map(|(key_id, hash)| HashedKey { key_id, hash });
    let body = KeyHashList {
        items: items.collect(),
        next_cursor: page.next.map(|last| List::KeyHashes.cursor(&last)),
    };
    Ok(response::json(StatusCode::OK, &body))
}
