//! The import of a key file: read row by row, written 25 rows at a time.

pub(crate) mod plan_mapping;
pub(crate) mod response;

use std::collections::{HashMap, HashSet};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use usage::{AdminError, IMPORT_BATCH, ImportedKey, ImportedRow, KeyHash};

use crate::api::{Reads, Writes};
use crate::audit::changes::Changes;
use crate::audit::{Action, Administrator};
use crate::import::plan_mapping::ImportPlans;
use crate::import::response::Imported;
use crate::key_file::{KeyFile, Rejected, Row};
use crate::keys::WHAT;
use crate::problem::{Mistake, Problem, change_refused, refused};
use crate::request::query::Query;
use crate::{Shared, keys::secret, request::accept, request::body, request::precondition};

/// As many as API Gateway has keys in a region.
const MAX_ROWS: u64 = 10_000;

/// Imports keys from API Gateway's key file
///
/// Reads the columns of API Gateway (`Name`, `Key`, `Description`, `Enabled`, `UsagePlanIds`) and
/// those of an export; only `Key` is required. A key is found by its secret. An absent or empty
/// cell leaves a key as it is; a new key is enabled unless its row says `FALSE`. No import enables
/// a disabled key, gives an expired key more time, or brings back a secret that was ended.
/// Apostrophes that an export put in front of formulas are removed.
///
/// The plan of a row is the entry of `plans` for its id, else `plan`, else the id itself as the
/// name of a plan.
#[utoipa::path(post, path = "/_tollgate/v1/keys/import", operation_id = "importKeys", tag = "keys",
    params(
        ("plan" = Option<String>, Query, description = "The plan of every row, whatever the file says"),
        ("plans" = Option<Vec<String>>, Query,
            description = "Plans by the ids in the file, such as `c7y23b:team,a1b2c3:gold`; may be repeated"),
        ("dry_run" = Option<bool>, Query, description = "Answers the same and writes nothing")),
    request_body(content = String, content_type = "text/csv",
        description = "A header with `Key` and any of `Name`, `Description`, `Enabled`, `UsagePlanIds`, `KeyId`, `ExpiresAt`, \
            `Subject`, `Scopes`, `Metadata`, `CreatedAt`; then at most 10,000 rows"),
    responses((status = 200, description = "Rows without errors are keys now", body = Imported), Reads, Writes))]
pub(crate) async fn import(
    State(shared): State<Shared>,
    administrator: Administrator,
    uri: Uri,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    accept::negotiate(&headers, &[accept::JSON])?;
    let mut query = Query::with_lists(&uri, &["plan", "plans", "dry_run"], &["plans"]);
    let (mut plans, dry_run) = (ImportPlans::of(&mut query), query.flag("dry_run"));
    query.finish()?;
    let text = body::csv(&headers, sent).await?;
    let mut file =
        KeyFile::open(&text).map_err(|detail| Problem::mistakes(vec![Mistake::at("", detail)]))?;
    plans.check(&shared.admin()).await?;

    let mut import = Import::new(&shared, &administrator, plans, dry_run, &file);
    let mut rows = 0;
    while let Some(row) = file.next() {
        rows += 1;
        match row {
            Err(rejected) => import.outcome.reject(rejected),
            Ok(row) if rows > MAX_ROWS => {
                let detail = format!("a file has at most {MAX_ROWS} rows");
                import.outcome.reject(Rejected {
                    line: row.line,
                    detail,
                });
            }
            Ok(row) => import.take(row).await?,
        }
    }
    import.write().await?;
    Ok(precondition::json(StatusCode::OK, &import.outcome.sorted()))
}

/// A file on its way into the registry.
struct Import<'s> {
    shared: &'s Shared,
    administrator: &'s Administrator,
    plans: ImportPlans,
    /// The keys that are written next, and the line of each.
    batch: Vec<ImportedKey>,
    lines: Vec<u64>,
    /// The line of each secret, and each id: neither may be there twice.
    secrets: HashMap<KeyHash, u64>,
    key_ids: HashSet<String>,
    outcome: Imported,
}

impl<'s> Import<'s> {
    fn new(
        shared: &'s Shared,
        administrator: &'s Administrator,
        plans: ImportPlans,
        dry_run: bool,
        file: &KeyFile<'_>,
    ) -> Self {
        Self {
            shared,
            administrator,
            plans,
            batch: Vec::with_capacity(IMPORT_BATCH),
            lines: Vec::with_capacity(IMPORT_BATCH),
            secrets: HashMap::new(),
            key_ids: HashSet::new(),
            outcome: Imported::new(dry_run, file.ignored_columns()),
        }
    }

    async fn take(&mut self, row: Row) -> Result<(), Problem> {
        let line = row.line;
        match self.read(row).await? {
            Err(detail) => self.outcome.reject(Rejected { line, detail }),
            Ok(key) => {
                self.batch.push(key);
                self.lines.push(line);
            }
        }
        if self.batch.len() == IMPORT_BATCH {
            self.write().await
        } else {
            Ok(())
        }
    }

    /// The key of a row, or what is wrong with it.
    async fn read(&mut self, row: Row) -> Result<Result<ImportedKey, String>, Problem> {
        if let Some(earlier) = self.secrets.get(&row.hash) {
            return Ok(Err(format!("the same key is on line {earlier}")));
        }
        if row
            .key_id
            .as_ref()
            .is_some_and(|key_id| self.key_ids.contains(key_id))
        {
            return Ok(Err("an earlier row has the same `KeyId`".to_owned()));
        }
        let plan = match self.plans.of_row(&row.plans, &self.shared.admin()).await? {
            Ok(plan) => plan,
            Err(detail) => return Ok(Err(detail)),
        };

        let line = row.line;
        let key = key(row, plan)?;
        if let Some((field, detail)) = key.mistakes(self.shared.now()).into_iter().next() {
            return Ok(Err(mistake(field, detail)));
        }
        self.secrets.insert(key.hash, line);
        self.key_ids.extend(key.key_id.clone());
        Ok(Ok(key))
    }

    /// Records each key that was written. If the store fails, the record names the rows that may
    /// have been.
    async fn record(
        &self,
        import: impl Future<Output = Result<Vec<ImportedRow>, AdminError>>,
    ) -> Result<Vec<ImportedRow>, Problem> {
        let [first, last] =
            [self.lines.first(), self.lines.last()].map(|line| line.copied().unwrap_or_default());
        let change = self.administrator.begins(
            Action::ImportKey,
            format!("keys in lines {first} to {last}"),
        );
        let rows = match import.await {
            Ok(rows) => rows,
            Err(error) => return Err(change.failed(change_refused(error, WHAT))),
        };
        for row in &rows {
            if let ImportedRow::Key {
                key_id,
                written: Some(written),
                ..
            } = row
            {
                change.made_to(
                    key_id,
                    &Changes::of_key(written.before.as_ref(), Some(&written.after)),
                );
            }
        }
        change.end();
        Ok(rows)
    }

    async fn write(&mut self) -> Result<(), Problem> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (admin, dry_run, now) = (
            self.shared.admin(),
            self.outcome.is_dry_run(),
            self.shared.now(),
        );
        let rows = if dry_run {
            admin
                .import_keys(&self.batch, dry_run, now)
                .await
                .map_err(|error| refused(error, WHAT))?
        } else {
            self.record(admin.import_keys(&self.batch, dry_run, now))
                .await?
        };

        let batch = std::mem::take(&mut self.batch);
        let lines = std::mem::take(&mut self.lines);
        for ((row, key), line) in rows.into_iter().zip(batch).zip(lines) {
            self.outcome.add(row, &key, line);
        }
        Ok(())
    }
}

fn key(row: Row, plan: Option<String>) -> Result<ImportedKey, Problem> {
    Ok(ImportedKey {
        hash: row.hash,
        key_id: row.key_id,
        new_key_id: secret::new_key_id()?,
        name: row.name,
        description: row.description,
        plan,
        enabled: row.enabled,
        expires_at: row.expires_at,
        subject: row.subject,
        scopes: row.scopes,
        metadata: row.metadata,
        created_at: row.created_at,
    })
}

/// A mistake by the column it is in. A scope is not repeated: it may be a secret in the wrong
/// column.
fn mistake(field: &str, detail: String) -> String {
    let column = match field {
        "key_id" => "KeyId",
        "name" => "Name",
        "description" => "Description",
        "subject" => "Subject",
        "metadata" => "Metadata",
        "scopes" => {
            let expected = "expected at most 64 scopes of printable ASCII without quotation marks, separated by spaces";
            return format!("`Scopes`: {expected}");
        }
        other => other,
    };
    format!("`{column}`: {detail}")
}
