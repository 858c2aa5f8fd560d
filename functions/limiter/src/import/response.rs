//! What the import of a key file answers.

use serde::Serialize;
use usage::{ImportChange, ImportedKey, ImportedRow};
use utoipa::ToSchema;

use crate::key_file::Rejected;

/// The most errors and the most warnings that the response names; there may be more.
const MAX_NAMED: usize = 100;

/// What became of a file.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Imported {
    /// True if nothing was written.
    dry_run: bool,
    /// Rows that are keys now: `created`, `updated` and `unchanged` together.
    imported: u64,
    /// Rows that are new keys.
    created: u64,
    /// Rows that changed a key.
    updated: u64,
    /// Rows that say what was there already.
    unchanged: u64,
    /// Rows that were not imported.
    rejected: u64,
    /// Columns that were not read, such as a misspelt one; the first 50.
    ignored_columns: Vec<String>,
    /// Each row that is a key now, 10,000 at most.
    keys: Vec<KeyRow>,
    /// Why rows were not imported; the first 100.
    errors: Vec<RowMessage>,
    /// What the file asked for and did not get, and keys that move to another plan; the first 100.
    warnings: Vec<RowMessage>,
}

/// A row that is a key now.
#[derive(Serialize, ToSchema)]
struct KeyRow {
    /// The line on which the row begins; the header is line 1.
    line: u64,
    /// The key. Absent if a dry run would create it under a new id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    key_id: Option<String>,
    /// What the import did.
    outcome: Outcome,
}

/// What the import did with a row.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The key is new.
    Created,
    /// The key has changed.
    Updated,
    /// The key was there already, as the row has it.
    Unchanged,
}

/// A message about a row.
#[derive(Serialize, ToSchema)]
struct RowMessage {
    /// The line on which the row begins; the header is line 1.
    line: u64,
    /// What is wrong.
    detail: String,
}

impl Imported {
    pub(crate) fn new(dry_run: bool, ignored_columns: &[String]) -> Self {
        Self {
            dry_run,
            ignored_columns: ignored_columns.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Adds a row that cannot be imported.
    pub(crate) fn reject(&mut self, Rejected { line, detail }: Rejected) {
        self.rejected += 1;
        if self.errors.len() < MAX_NAMED {
            self.errors.push(RowMessage { line, detail });
        }
    }

    /// Adds what became of a row.
    pub(crate) fn add(&mut self, row: ImportedRow, key: &ImportedKey, line: u64) {
        let (key_id, change, notes) = match row {
            ImportedRow::Refused(refusal) => {
                return self.reject(Rejected {
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

        // A later run makes other ids.
        let is_preliminary =
            self.dry_run && change == ImportChange::Created && key.key_id.is_none();
        self.keys.push(KeyRow {
            line,
            key_id: Some(key_id).filter(|_| !is_preliminary),
            outcome,
        });
        let room = MAX_NAMED - self.warnings.len();
        let warnings = notes.into_iter().map(|note| RowMessage {
            line,
            detail: note.to_string(),
        });
        self.warnings.extend(warnings.take(room));
    }

    /// The response, with errors in the order of the file.
    pub(crate) fn sorted(mut self) -> Self {
        self.errors.sort_by_key(|error| error.line);
        self
    }
}
