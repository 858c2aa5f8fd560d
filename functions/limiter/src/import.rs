//! The import of a key file, which is read row by row and written in batches.

mod batch;
mod plan_mapping;
mod response;

use axum::response::Response;
use http::StatusCode;

use crate::error_responses::{Reads, Writes};
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;
use crate::request::body::CsvBody;
use crate::request::query::{Parameters, QueryParameters};
use crate::response::json;
use key_file::{KeyFile, Rejection};

use batch::Import;
use plan_mapping::PlanMapping;
use response::ImportResult;

/// The most rows of a file. API Gateway has at most as many keys per region.
const MAX_ROWS: u64 = 10_000;

/// The query of an import.
pub(crate) struct ImportQuery {
    plans: PlanMapping,
    dry_run: bool,
}

impl QueryParameters for ImportQuery {
    const NAMES: &'static [&'static str] = &["plan", "plans", "dry_run"];
    const LISTS: &'static [&'static str] = &["plans"];

    fn read(parameters: &mut Parameters) -> Self {
        Self {
            plans: PlanMapping::read(parameters),
            dry_run: parameters.flag("dry_run"),
        }
    }
}

/// Import keys
///
/// Reads API Gateway's key-file format: the columns `Name`, `Key`, `Description`, `Enabled` and
/// `UsagePlanIds`, and those of an export. Only `Key` is required. A key is found by its secret. An
/// absent or empty cell leaves the key unchanged. A new key is enabled unless its row says `FALSE`.
/// An import never enables a disabled key, extends an expired key, or restores a revoked secret.
/// Apostrophes that an export put in front of formulas are removed.
///
/// The plan of a row is the entry of `plans` for its id. Without an entry it is `plan`, and without
/// `plan` the plan that has the id as its name.
#[utoipa::path(post, path = "/_tollgate/v1/keys/import", operation_id = "importKeys", tag = "keys",
    params(
        ("plan" = Option<String>, Query, description = "The plan of every row that `plans` does not map"),
        ("plans" = Option<Vec<String>>, Query,
            description = "Plans by the ids in the file, such as `c7y23b:team,a1b2c3:gold`; may be repeated"),
        ("dry_run" = Option<bool>, Query, description = "True returns the same response and writes nothing")),
    request_body(content = String, content_type = "text/csv",
        description = "A header with `Key` and any of `Name`, `Description`, `Enabled`, `UsagePlanIds`, `KeyId`, `ExpiresAt`, \
            `Subject`, `Scopes`, `Metadata` and `CreatedAt`, then at most 10,000 rows"),
    responses((status = 200, description = "The rows without errors were imported", body = ImportResult), Reads, Writes))]
pub(crate) async fn import(
    request: AdminRequest<ImportQuery>,
    CsvBody(text): CsvBody,
) -> Result<Response, Problem> {
    let mut file = KeyFile::open(&text)
        .map_err(|detail| Problem::invalid_body(vec![Mistake::at("", detail)]))?;
    let mut plans = request.query.plans.clone();
    plans.check(&request.admin()).await?;

    let result = ImportResult::new(request.query.dry_run, file.ignored_columns());
    let mut import = Import::new(&request, plans, result);
    let mut rows = 0;
    while let Some(row) = file.next() {
        rows += 1;
        match row {
            Err(rejection) => import.reject(rejection),
            Ok(row) if rows > MAX_ROWS => import.reject(Rejection {
                line: row.line,
                detail: format!("a file has at most {MAX_ROWS} rows"),
            }),
            Ok(row) => import.add(row).await?,
        }
    }

    let result = import.finish().await?;
    Ok(json(StatusCode::OK, &result))
}
