//! The import of a file of keys: row by row, written 25 at a time, and nothing held but those.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use usage::{IMPORT_BATCH, ImportedKey, KeyHash};
use utoipa::ToSchema;

use crate::api::{Reads, Writes};
use crate::key_file::{KeyFile, Rejected, Row};
use crate::keys::WHAT;
use crate::problem::{Mistake, Problem, change_refused, refused};
use crate::query::Query;
use crate::{Shared, accept, body, conditions, secret};

/// As many as API Gateway has keys in a region.
const MOST_ROWS: u64 = 10_000;
/// Rejected rows that the answer names; there may be more.
const MOST_NAMED: usize = 100;
/// Names of plans that are remembered while a file is read.
const MOST_PLANS: usize = 300;

/// What became of a file.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Imported {
    /// Rows that are keys now. Of two with one key the later holds.
    imported: u64,
    /// Rows that were passed over.
    rejected: u64,
    /// The first 100 of these.
    errors: Vec<RejectedRow>,
}

/// A row that was passed over.
#[derive(Serialize, ToSchema)]
struct RejectedRow {
    /// On which line it begins, the header being line 1.
    line: u64,
    /// Why.
    detail: String,
}

/// Imports keys from API Gateway's key file
///
/// A key that is there already is overwritten and keeps its id. An apostrophe that the export put before a name or a
/// description is taken away. A row without a plan gets that of the query.
#[utoipa::path(post, path = "/_tollgate/v1/keys/import", operation_id = "importKeys", tag = "keys",
    params(("plan" = Option<String>, Query, description = "For rows that name none")),
    request_body(content = String, content_type = "text/csv", description = "`Name` and `Key`, maybe `Description`, `Enabled` and `UsagePlanIds`"),
    responses((status = 200, description = "Good rows are keys now", body = Imported), Reads, Writes))]
pub(crate) async fn import(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    let mut query = Query::of(&uri, &["plan"]);
    let plan = query.text("plan").filter(|plan| !plan.is_empty());
    query.finish()?;
    let text = body::csv(&headers, sent).await?;
    let mut file = KeyFile::open(&text).map_err(|detail| Problem::mistakes(vec![Mistake::at("", detail)]))?;
    let mut import = Import::new(&shared, plan);
    let mut rows = 0;
    while let Some(row) = file.next() {
        rows += 1;
        match row {
            Err(rejected) => import.reject(rejected),
            Ok(row) if rows > MOST_ROWS => {
                let detail = format!("a file has at most {MOST_ROWS} rows");
                import.reject(Rejected { line: row.line, detail });
            }
            Ok(row) => import.take(row).await?,
        }
    }
    import.write().await?;
    Ok(conditions::json(StatusCode::OK, &import.outcome))
}

/// A file on its way into the registry.
struct Import<'s> {
    shared: &'s Shared,
    default_plan: Option<String>,
    plans: HashMap<String, bool>,
    batch: Vec<ImportedKey>,
    /// The line of each key of the batch.
    lines: HashMap<KeyHash, u64>,
    /// Rows that another of the batch has overwritten.
    overwritten: u64,
    outcome: Imported,
}

impl<'s> Import<'s> {
    fn new(shared: &'s Shared, default_plan: Option<String>) -> Self {
        let (plans, lines, outcome) = (HashMap::new(), HashMap::new(), Imported::default());
        Self { shared, default_plan, plans, batch: Vec::with_capacity(IMPORT_BATCH), lines, overwritten: 0, outcome }
    }

    fn reject(&mut self, Rejected { line, detail }: Rejected) {
        self.outcome.rejected += 1;
        if self.outcome.errors.len() < MOST_NAMED {
            self.outcome.errors.push(RejectedRow { line, detail });
        }
    }

    async fn take(&mut self, row: Row) -> Result<(), Problem> {
        let line = row.line;
        let Some(plan) = row.plan.or_else(|| self.default_plan.clone()) else {
            let detail = "it has no plan, and the request names none".to_owned();
            self.reject(Rejected { line, detail });
            return Ok(());
        };
        if !self.has_plan(&plan).await? {
            self.reject(Rejected { line, detail: format!("there is no plan `{plan}`") });
            return Ok(());
        }
        let Row { hash, name, description, enabled, .. } = row;
        let key = ImportedKey { hash, key_id: secret::new_key_id()?, name, description, plan, enabled };
        self.lines.insert(hash, line);
        match self.batch.iter_mut().find(|earlier| earlier.hash == hash) {
            Some(earlier) => {
                *earlier = key;
                self.overwritten += 1;
            }
            None => self.batch.push(key),
        }
        if self.batch.len() == IMPORT_BATCH { self.write().await } else { Ok(()) }
    }

    async fn has_plan(&mut self, name: &str) -> Result<bool, Problem> {
        if let Some(known) = self.plans.get(name) {
            return Ok(*known);
        }
        let known = self.shared.admin().has_plan(name).await.map_err(|error| refused(error, WHAT))?;
        if self.plans.len() < MOST_PLANS {
            self.plans.insert(name.to_owned(), known);
        }
        Ok(known)
    }

    async fn write(&mut self) -> Result<(), Problem> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let written = self.shared.admin().import_keys(&self.batch, self.shared.now()).await;
        let passed_over = written.map_err(|error| change_refused(error, WHAT))?;
        self.outcome.imported += self.batch.len() as u64 + self.overwritten - passed_over.len() as u64;
        for hash in passed_over {
            let line = self.lines.get(&hash).copied().unwrap_or_default();
            self.reject(Rejected { line, detail: "it is an earlier secret of a rotated key".to_owned() });
        }
        self.batch.clear();
        self.lines.clear();
        self.overwritten = 0;
        Ok(())
    }
}
