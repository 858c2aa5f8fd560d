//! `keys create --from`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use admin_client::{AdminClient, path};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::differences::warning;
use super::new_key::{Outcome, other_secret, put, stops_the_others};
use super::rows::{self, NewKey};
use super::{CreateKeys, file};
use crate::commands::CommandError;
use crate::output::{JsonList, OutputError, Table, escaped};
use crate::secrets::{KeyToCreate, Secret, SecretsFile};

/// The number of requests at the same time.
const CONCURRENCY: usize = 8;
/// The number of rows that are printed at once, with aligned columns.
const PRINTED_ROWS: usize = 100;
/// The most refused rows that are reported one by one.
const MAX_MESSAGES: usize = 20;

/// Creates the keys of a file. Each row and each plan is checked, and each secret is stored, before
/// the first key is created.
pub(super) async fn create(options: &CreateKeys, path: &Path) -> Result<ExitCode, CommandError> {
    let lines = file::read(path)?;
    let keys = rows::keys(path, &lines, &options.document()).map_err(CommandError::usage)?;
    let client = options.target.connect().await?;
    check_plans(&client, path, &keys).await?;

    let secrets_out = options.secrets_out.as_deref().unwrap_or(Path::new(""));
    let mut file = SecretsFile::create(secrets_out)?;
    let known = keys.iter().filter(|key| file.has(&key.key_id));
    let known: BTreeSet<_> = known.map(|key| key.key_id.clone()).collect();
    let secrets = secrets(&mut file, &keys)?;

    let mut report = Report::new(path, options.output.json);
    let mut results = stream::iter(keys.iter().zip(&secrets))
        .map(|(key, secret)| {
            let client = client.clone();
            async move {
                let result = put(&client, &key.key_id, key.document.clone(), &secret.hash()).await;
                (key, result)
            }
        })
        .buffered(CONCURRENCY);
    let mut stopped = None;
    while let Some((key, result)) = results.next().await {
        if let Err(error) = report.add(key, result) {
            stopped = Some(error);
            break;
        }
    }
    drop(results);
    // A secret of an earlier call may be that of the same key in another API.
    report.void.retain(|key_id| !known.contains(key_id));
    file.remove(&report.void)?;
    match stopped {
        Some(error) => Err(error),
        None => report.finish(&file),
    }
}

/// Checks that the plans exist, so that a typing error does not fail row by row.
async fn check_plans(
    client: &AdminClient,
    file: &Path,
    keys: &[NewKey],
) -> Result<(), CommandError> {
    let plans: BTreeSet<_> = keys.iter().map(|key| key.text("plan")).collect();
    for plan in plans {
        match client.get(&path(&["plans", plan])).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                let key = keys.iter().find(|key| key.text("plan") == plan);
                let line = key.map_or(1, |key| key.line);
                let place = format!("{}:{line}", file.display());
                let problem = format!("{place}: plan: the plan `{plan}` does not exist");
                return Err(CommandError::usage(problem));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn secrets(file: &mut SecretsFile, keys: &[NewKey]) -> Result<Vec<Secret>, CommandError> {
    let keys = keys.iter().map(|key| KeyToCreate {
        key_id: &key.key_id,
        prefix: Some(key.text("prefix")).filter(|prefix| !prefix.is_empty()),
    });
    let keys: Vec<_> = keys.collect();
    Ok(file.secrets(&keys)?)
}

/// The results of the rows.
struct Report<'p> {
    path: &'p Path,
    table: Table,
    items: Option<JsonList>,
    created: usize,
    existed: usize,
    failed: usize,
    unprinted: usize,
    /// The ids of keys whose stored secret is not theirs.
    void: Vec<String>,
    /// The first failure to print. Keys are created nevertheless.
    unwritten: Option<OutputError>,
}

impl<'p> Report<'p> {
    fn new(path: &'p Path, json: bool) -> Self {
        Self {
            path,
            table: Table::new(&["KEY_ID", "NAME", "PLAN", "RESULT"]),
            items: json.then(JsonList::new),
            created: 0,
            existed: 0,
            failed: 0,
            unprinted: 0,
            void: Vec::new(),
            unwritten: None,
        }
    }

    /// Adds the result of a row.
    ///
    /// # Errors
    /// The error if the other rows would fail as well.
    fn add(
        &mut self,
        key: &NewKey,
        result: Result<Outcome, CommandError>,
    ) -> Result<(), CommandError> {
        let (document, result) = match result {
            Ok(Outcome::Created(document)) => {
                self.created += 1;
                (document, "created")
            }
            Ok(Outcome::Existed(document)) => {
                self.existed += 1;
                self.warn_of_differences(key, &document);
                (document, "existed")
            }
            Ok(Outcome::Conflict) => {
                self.refuse(key, &other_secret(&key.key_id));
                return Ok(());
            }
            Err(error) if stops_the_others(&error) => {
                self.message(
                    key,
                    "the keys of this line and after it may be missing; run the same command again",
                );
                return Err(error);
            }
            Err(error) => {
                self.refuse(key, &error.to_string());
                return Ok(());
            }
        };

        if let Some(items) = &mut self.items {
            let printed = items.push(&document);
            self.note_output(printed);
        } else {
            let cells = [&*key.key_id, key.text("name"), key.text("plan"), result];
            self.table.row(cells);
            self.unprinted += 1;
        }
        if self.unprinted == PRINTED_ROWS {
            self.print();
        }
        Ok(())
    }

    /// Prints the rows of the table that were not printed yet.
    fn print(&mut self) {
        self.unprinted = 0;
        if self.items.is_none() && self.unwritten.is_none() {
            let printed = self.table.print();
            self.note_output(printed);
        }
    }

    fn note_output(&mut self, printed: Result<(), OutputError>) {
        if let Err(error) = printed {
            self.unwritten.get_or_insert(error);
        }
    }

    fn refuse(&mut self, key: &NewKey, problem: &str) {
        self.failed += 1;
        self.void.push(key.key_id.clone());
        if self.failed <= MAX_MESSAGES {
            self.message(key, problem);
        }
    }

    /// Warns if an existing key has other values than its row. It is not changed.
    fn warn_of_differences(&self, key: &NewKey, document: &Value) {
        if let Some(warning) = warning(&key.key_id, &key.document, document) {
            self.message(key, &warning);
        }
    }

    fn message(&self, key: &NewKey, text: &str) {
        for line in text.lines() {
            let line = format!("{}:{}: {line}", self.path.display(), key.line);
            let _ = writeln!(std::io::stderr(), "{}", escaped(&line));
        }
    }

    fn finish(mut self, file: &SecretsFile) -> Result<ExitCode, CommandError> {
        self.print();
        if let (Some(items), None) = (self.items.take(), &self.unwritten) {
            let printed = items.finish();
            self.note_output(printed);
        }
        let summary = format!(
            "{} keys were created, {} existed already. The secrets are in {}.",
            self.created,
            self.existed,
            file.path().display()
        );
        let _ = writeln!(std::io::stderr(), "{}", escaped(&summary));
        if self.failed > 0 {
            let problem = format!("{} keys were refused", self.failed);
            return Err(CommandError::refused(problem));
        }
        // The keys were created, but the reader of the list has not seen all of them.
        match self.unwritten {
            Some(error) => Err(error.into()),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}
