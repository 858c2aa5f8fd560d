//! The response to an import.

use registry::{ImportChange, ImportedKey, ImportedRow};
use serde::Serialize;
use utoipa::ToSchema;

use key_file::Rejection;

/// The most errors, and the most warnings, that the response lists.
const MAX_MESSAGES: usize = 100;

/// The result of an import.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Imported)]
pub(crate) struct ImportResult {
    /// True if nothing was written.
    dry_run: bool,
    /// The number of rows that were imported: the sum of `created`, `updated` and `unchanged`.
    imported: u64,
    /// The number of rows that created a key.
    created: u64,
    /// The number of rows that changed a key.
    updated: u64,
    /// The number of rows whose key was already the same.
    unchanged: u64,
    /// The number of rows that were not imported.
    rejected: u64,
    /// The first 50 columns that were ignored, for example because of a typing error.
    ignored_columns: Vec<String>,
    /// The rows that were imported, at most 10,000.
    keys: Vec<KeyRow>,
    /// The first 100 rows that were not imported, and why.
    errors: Vec<RowMessage>,
    /// The first 100 warnings: values of the file that were not applied, and keys that move to another
    /// plan.
    warnings: Vec<RowMessage>,
}

/// A row that was imported.
#[derive(Serialize, ToSchema)]
struct KeyRow {
    /// The line at which the row begins. The header is line 1.
    line: u64,
    /// The id of the key. Absent in a dry run that would create a new id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    key_id: Option<String>,
    /// The effect on the key.
    outcome: Outcome,
}

/// The effect of a row on its key.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The key was created.
    Created,
    /// The key was changed.
    Updated,
    /// The key was already the same.
    Unchanged,
}

/// A message about a row.
#[derive(Serialize, ToSchema)]
struct RowMessage {
    /// The line at which the row begins. The header is line 1.
    line: u64,
    /// The error or warning.
    detail: String,
}

impl ImportResult {
    pub(super) fn new(dry_run: bool, ignored_columns: &[String]) -> Self {
        Self {
            dry_run,
            ignored_columns: ignored_columns.to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Counts a row that cannot be imported.
    pub(super) fn reject(&mut self, Rejection { line, detail }: Rejection) {
        self.rejected += 1;
        if self.errors.len() < MAX_MESSAGES {
            self.errors.push(RowMessage { line, detail });
        }
    }

    /// Adds the result of a row.
    pub(super) fn add(&mut self, row: ImportedRow, key: &ImportedKey, line: u64) {
        let (key_id, change, notes) = match row {
            ImportedRow::Refused(refusal) => {
                return self.reject(Rejection {
                    line,
                    detail: refusal.to_string(),
                });
            }
            ImportedRow::Key {
                key_id,
                change,
                notes,
                ..
            } => (key_id, change, notes),
        };

        let (count, outcome) = match change {
            ImportChange::Created => (&mut self.created, Outcome::Created),
            ImportChange::Updated => (&mut self.updated, Outcome::Updated),
            ImportChange::Unchanged => (&mut self.unchanged, Outcome::Unchanged),
        };
        *count += 1;
        self.imported += 1;

        // The real import creates another id than the dry run.
        let is_preliminary =
            self.dry_run && change == ImportChange::Created && key.key_id.is_none();
        self.keys.push(KeyRow {
            line,
            key_id: Some(key_id).filter(|_| !is_preliminary),
            outcome,
        });

        let room = MAX_MESSAGES - self.warnings.len();
        let warnings = notes.into_iter().map(|note| RowMessage {
            line,
            detail: note.to_string(),
        });
        self.warnings.extend(warnings.take(room));
    }

    /// Sorts the errors by line.
    pub(super) fn sorted(mut self) -> Self {
        self.errors.sort_by_key(|error| error.line);
        self
    }
}
