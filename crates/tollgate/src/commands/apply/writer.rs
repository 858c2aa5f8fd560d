//! The requests of `apply`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write as _;
use std::process::ExitCode;

use admin_client::{AdminClient, AdminRequest, path};
use declaration::{Change, Difference, ObjectKind};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;

use super::interruption::{INTERRUPTED, Interruption};
use super::new_secrets::StoredSecrets;
use super::outcome::{Failure, Outcome, Outcomes, stage};
use crate::commands::CommandError;
use crate::commands::diff::unless_closed;
use crate::output::{OutputError, escaped};
use crate::progress::Progress;

/// The number of requests at the same time. The API's function has few concurrent executions.
const CONCURRENCY: usize = 8;
/// The most failures that are listed.
const MAX_LISTED: usize = 20;
const NO_CONTENT: u16 = 204;
/// The header with the name of the file that creates an object.
const MANAGED_BY: &str = "x-tollgate-managed-by";

/// Writes changes, several at a time.
pub(super) struct Writer<'c> {
    client: &'c AdminClient,
    managed_by: &'c str,
    total: usize,
    secrets: Option<StoredSecrets>,
    /// The number of created keys whose secrets are in the file.
    new_secrets: usize,
    /// The ids and hashes of keys that another request has created.
    void_secrets: Vec<(String, String)>,
    /// The number of requests to find out whether a secret is in use.
    lookups: usize,
    outcomes: Outcomes,
    progress: Progress,
    interruption: Interruption,
}

impl<'c> Writer<'c> {
    /// Returns a writer of `total` changes of the file with the name `managed_by`.
    pub(super) fn new(
        client: &'c AdminClient,
        managed_by: &'c str,
        total: usize,
        secrets: Option<StoredSecrets>,
    ) -> Self {
        Self {
            client,
            managed_by,
            total,
            secrets,
            new_secrets: 0,
            void_secrets: Vec::new(),
            lookups: 0,
            outcomes: Outcomes::default(),
            progress: Progress::new("Writing", Some(total)),
            interruption: Interruption::watch(),
        }
    }

    /// Makes the changes, stage by stage. A change that fails does not stop those that do not depend
    /// on it.
    pub(super) async fn write(&mut self, mut differences: Vec<Difference>) {
        differences.sort_by_key(stage);
        let mut missing_plans = HashSet::new();
        for stage in differences.chunk_by(|left, right| stage(left) == stage(right)) {
            self.write_stage(stage, &mut missing_plans).await;
        }
        self.progress.clear();
        self.remove_void_secrets().await;
    }

    /// Removes secrets of keys that another request created from the file, so that they are not handed
    /// out. A secret stays if the API knows it: an earlier run has created the key.
    async fn remove_void_secrets(&mut self) {
        let Some(secrets) = &mut self.secrets else {
            return;
        };
        let mut void = Vec::new();
        for (key_id, hash) in self.void_secrets.drain(..) {
            self.lookups += 1;
            let request = AdminRequest::post("/keys/lookup", &json!({ "hash": hash }));
            let found = self.client.send(request).await;
            if found.is_err_and(|error| error.is_not_found()) {
                void.push(key_id);
            }
        }

        if let Err(error) = secrets.remove(&void) {
            let path = secrets.path.display();
            let line = escaped(&format!(
                "{path}: it has secrets that are not valid: {error}"
            ));
            let _ = writeln!(std::io::stderr(), "warning: {line}");
        }
    }

    /// Makes the changes of a stage. Adds the plans that could not be created to `missing_plans`.
    async fn write_stage(
        &mut self,
        differences: &[Difference],
        missing_plans: &mut HashSet<String>,
    ) {
        let (client, managed_by) = (self.client, self.managed_by);
        let interruption = self.interruption.clone();
        let outcomes = RefCell::new(&mut self.outcomes);
        let is_stopped = || interruption.has_happened() || outcomes.borrow().is_hopeless();
        let missing = &*missing_plans;

        // Nothing more is begun after a stop. Requests that were sent are awaited.
        let mut written = stream::iter(differences)
            .take_while(|_| std::future::ready(!is_stopped()))
            .map(|difference| async move {
                let outcome = match missing_plan(difference, missing) {
                    Some(plan) => Outcome::Skipped(format!(
                        "skipped, because the creation of plan {plan} failed"
                    )),
                    None => write(client, managed_by, difference).await,
                };
                (difference, outcome)
            })
            .buffer_unordered(CONCURRENCY);

        let (mut failed_plans, mut void) = (Vec::new(), Vec::new());
        while let Some((difference, mut outcome)) = written.next().await {
            if self.secrets.as_ref().is_some_and(|it| it.has(difference)) {
                match &mut outcome {
                    Outcome::Written(_) => self.new_secrets += 1,
                    Outcome::Failed(failure) if failure.is_conflict() => {
                        failure.add("The secret that was generated for it is not its secret");
                        void.extend(secret_hash(difference));
                    }
                    _ => {}
                }
            }
            outcomes.borrow_mut().add(difference, &outcome);
            self.progress.advance(1);
            match outcome {
                Outcome::Written(warnings) if !warnings.is_empty() => {
                    self.progress.clear();
                    print_warnings(difference, &warnings);
                }
                Outcome::Failed(_) if is_new_plan(difference) => {
                    failed_plans.push(difference.name.clone());
                }
                _ => {}
            }
        }
        drop(written);
        self.void_secrets.extend(void);
        missing_plans.extend(failed_plans);
    }

    /// Prints the result, and returns the exit code. `requests` is the number of requests of the
    /// comparison.
    ///
    /// # Errors
    /// [`CommandError`] if changes were not made, or if standard output cannot be written.
    pub(super) fn finish(self, requests: usize) -> Result<ExitCode, CommandError> {
        let Outcomes {
            created,
            updated,
            deleted,
            ref failures,
            ..
        } = self.outcomes;
        let open = self.total - created - updated - deleted - failures.len();
        let requests = requests + self.outcomes.requests + self.lookups;

        let mut result = format!(
            "{created} created, {updated} changed, {deleted} deleted, {} failed, {requests} requests\n",
            failures.len()
        );
        if let Some(secrets) = self.secrets.as_ref().filter(|_| self.new_secrets > 0) {
            let path = escaped(&secrets.path.display().to_string());
            let count = self.new_secrets;
            result.push_str(&format!("Secrets of new keys in {path}: {count}\n"));
        }
        let printed = std::io::stdout().write_all(result.as_bytes());
        let printed = unless_closed(printed.map_err(OutputError::from));

        if failures.is_empty() && open == 0 {
            printed?;
            return Ok(ExitCode::SUCCESS);
        }
        let code = if self.interruption.has_happened() {
            INTERRUPTED
        } else {
            self.outcomes.exit_code
        };
        self.print_failures(open);
        Ok(ExitCode::from(code))
    }

    /// Prints the changes that were not made.
    fn print_failures(&self, open: usize) {
        let mut lines: Vec<String> = Vec::new();
        let failures = &self.outcomes.failures;
        for failure in failures.iter().take(MAX_LISTED) {
            lines.extend(failure.lines().map(escaped));
        }
        if let Some(more @ 1..) = failures.len().checked_sub(MAX_LISTED) {
            lines.push(format!("{more} more changes failed"));
        }
        if open > 0 {
            lines.push(format!("{open} changes were not tried"));
        }
        let is_repeatable = open > 0 || self.outcomes.has_conflict || self.outcomes.exit_code > 1;
        if is_repeatable {
            lines.push("Run the command again: it compares anew and makes what is left".to_owned());
        }

        let mut output = std::io::stderr();
        for line in lines {
            let _ = writeln!(output, "tollgate: {line}");
        }
    }
}

async fn write(client: &AdminClient, managed_by: &str, difference: &Difference) -> Outcome {
    let path = path(&[difference.kind.plural(), &difference.name]);
    let request = match &difference.change {
        Change::Create { body } => AdminRequest::put(&*path, body)
            .if_none_match_any()
            .header(MANAGED_BY, managed_by),
        Change::Update { body, etag } => AdminRequest::put(&*path, body).if_match(etag),
        Change::Delete { etag } => AdminRequest::delete(&*path).if_match(etag),
    };

    match client.send(request).await {
        // Every stored object has an entity tag. Another server may respond with 200 to anything.
        Ok(response) if response.etag().is_none() && response.status != NO_CONTENT => {
            Outcome::Failed(Failure::of_other_server())
        }
        Ok(response) => Outcome::Written(response.warnings()),
        // The object is gone, as it should be.
        Err(error) if error.is_not_found() && is_deletion(difference) => {
            Outcome::Written(Vec::new())
        }
        Err(error) => Outcome::Failed(error.into()),
    }
}

/// Returns the id of a new key and the hash of its secret.
fn secret_hash(difference: &Difference) -> Option<(String, String)> {
    let Change::Create { body } = &difference.change else {
        return None;
    };
    let hash = body["hash"].as_str()?;
    Some((difference.name.clone(), hash.to_owned()))
}

fn is_deletion(difference: &Difference) -> bool {
    matches!(difference.change, Change::Delete { .. })
}

fn is_new_plan(difference: &Difference) -> bool {
    let is_new = matches!(difference.change, Change::Create { .. });
    difference.kind == ObjectKind::Plan && is_new
}

/// Returns the plan that a key needs, if it could not be created.
fn missing_plan<'d>(difference: &'d Difference, missing: &HashSet<String>) -> Option<&'d str> {
    let (Change::Create { body } | Change::Update { body, .. }) = &difference.change else {
        return None;
    };
    let plan = body["plan"].as_str()?;
    (difference.kind == ObjectKind::Key && missing.contains(plan)).then_some(plan)
}

fn print_warnings(difference: &Difference, warnings: &[String]) {
    let Difference { kind, name, .. } = difference;
    for warning in warnings {
        let line = escaped(&format!("{kind} {name}: {warning}"));
        let _ = writeln!(std::io::stderr(), "warning: {line}");
    }
}
