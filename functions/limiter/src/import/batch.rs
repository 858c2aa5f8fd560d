//! The rows of an import on their way into the registry, in batches. A batch is written by few
//! transactions, each of which succeeds or fails by itself.

use std::collections::{HashMap, HashSet};

use registry::{Admin, AdminError, IMPORT_BATCH, ImportedKey, ImportedRow, KeyHash};

use super::ImportQuery;
use super::plan_mapping::PlanMapping;
use super::response::ImportResult;
use crate::audit::Action;
use crate::audit::changes::Changes;
use crate::keys::{RESOURCE, secret};
use crate::problem::Problem;
use crate::request::AdminRequest;
use key_file::{Rejection, Row};

/// An import in progress.
pub(super) struct Import<'r> {
    request: &'r AdminRequest<ImportQuery>,
    plans: PlanMapping,
    /// The keys of the next batch, and the line of each.
    batch: Vec<ImportedKey>,
    lines: Vec<u64>,
    /// The line of each secret, and all ids, to find duplicates.
    secrets: HashMap<KeyHash, u64>,
    key_ids: HashSet<String>,
    result: ImportResult,
}

impl<'r> Import<'r> {
    pub(super) fn new(
        request: &'r AdminRequest<ImportQuery>,
        plans: PlanMapping,
        result: ImportResult,
    ) -> Self {
        Self {
            request,
            plans,
            batch: Vec::with_capacity(IMPORT_BATCH),
            lines: Vec::with_capacity(IMPORT_BATCH),
            secrets: HashMap::new(),
            key_ids: HashSet::new(),
            result,
        }
    }

    /// Counts a row that cannot be imported.
    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.result.reject(rejection);
    }

    /// Adds a row. If the batch is full, writes it.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn add(&mut self, row: Row) -> Result<(), Problem> {
        let line = row.line;
        match self.key_of(row).await? {
            Err(detail) => self.reject(Rejection { line, detail }),
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

    /// Writes the last batch.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn finish(mut self) -> Result<ImportResult, Problem> {
        self.write().await?;
        Ok(self.result.sorted())
    }

    /// Returns the key of a row, or what is wrong with the row.
    async fn key_of(&mut self, row: Row) -> Result<Result<ImportedKey, String>, Problem> {
        if let Some(earlier) = self.secrets.get(&row.hash) {
            return Ok(Err(format!("the same key is on line {earlier}")));
        }
        let is_duplicate = |key_id: &String| self.key_ids.contains(key_id);
        if row.key_id.as_ref().is_some_and(is_duplicate) {
            return Ok(Err("an earlier row has the same `KeyId`".to_owned()));
        }

        let admin = self.request.admin();
        let plan = match self.plans.plan_of(&row.plans, &admin).await? {
            Ok(plan) => plan,
            Err(detail) => return Ok(Err(detail)),
        };
        let line = row.line;
        let key = imported_key(row, plan)?;
        if let Some((field, detail)) = key.mistakes(self.request.now).into_iter().next() {
            return Ok(Err(describe(field, &detail)));
        }

        self.secrets.insert(key.hash, line);
        self.key_ids.extend(key.key_id.clone());
        Ok(Ok(key))
    }

    async fn write(&mut self) -> Result<(), Problem> {
        if self.batch.is_empty() {
            return Ok(());
        }

        let rows = if self.result.is_dry_run() {
            self.import_batch(&self.request.admin())
                .await
                .map_err(|error| Problem::of_read(error, RESOURCE))?
        } else {
            self.import_and_record().await?
        };

        let batch = std::mem::take(&mut self.batch);
        let lines = std::mem::take(&mut self.lines);
        for ((row, key), line) in rows.into_iter().zip(batch).zip(lines) {
            self.result.add(row, &key, line);
        }
        Ok(())
    }

    async fn import_batch(&self, admin: &Admin<'_>) -> Result<Vec<ImportedRow>, AdminError> {
        let is_dry_run = self.result.is_dry_run();
        admin
            .import_keys(&self.batch, is_dry_run, self.request.now)
            .await
    }

    /// Writes a batch, and records each changed key in the audit log. If the store does not
    /// respond, the record names the lines that may have been imported.
    async fn import_and_record(&self) -> Result<Vec<ImportedRow>, Problem> {
        let [first, last] =
            [self.lines.first(), self.lines.last()].map(|line| line.copied().unwrap_or_default());
        let target = format!("keys in lines {first} to {last}");
        let change = self.request.begin(Action::ImportKey, target);

        let admin = self.request.admin().audited(&change);
        let rows = match self.import_batch(&admin).await {
            Ok(rows) => rows,
            Err(error) => return Err(change.fail(Problem::of_write(error, RESOURCE))),
        };
        for row in &rows {
            if let ImportedRow::Key {
                key_id,
                written: Some(written),
                ..
            } = row
            {
                let changes = Changes::of_key(written.before.as_ref(), Some(&written.after));
                change.record_target(key_id, &changes);
            }
        }
        change.discard();
        Ok(rows)
    }
}

fn imported_key(row: Row, plan: Option<String>) -> Result<ImportedKey, Problem> {
    Ok(ImportedKey {
        hash: row.hash,
        hint: row.hint,
        key_id: row.key_id,
        new_key_id: secret::new_key_id()?,
        name: row.name,
        description: row.description,
        plan,
        enabled: row.enabled,
        expires_at: row.expires_at,
        not_before: row.not_before,
        allowed_ips: row.allowed_ips,
        group: row.group,
        subject: row.subject,
        scopes: row.scopes,
        metadata: row.metadata,
        created_at: row.created_at,
    })
}

/// Returns a mistake with the column that it is in. A scope is not repeated, because it may be a
/// secret in the wrong column.
fn describe(field: &str, detail: &str) -> String {
    let column = match field {
        "key_id" => "KeyId",
        "name" => "Name",
        "description" => "Description",
        "subject" => "Subject",
        "group" => "Group",
        "allowed_ips" => "AllowedIps",
        "metadata" => "Metadata",
        "scopes" => {
            let expected = "expected at most 64 scopes of printable ASCII without quotation marks, separated by spaces";
            return format!("`Scopes`: {expected}");
        }
        other => other,
    };
    format!("`{column}`: {detail}")
}
