//! The outcomes of changes.

use admin_client::ClientError;
use declaration::{Change, Difference, ObjectKind};

const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
const CONFLICT: u16 = 409;
const PRECONDITION_FAILED: u16 = 412;
/// The number of failures in a row after which an API counts as unavailable.
const MAX_FAILURES: usize = 3;

/// The result of one change.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The change was made. The warnings are the API's.
    Written(Vec<String>),
    /// The request failed.
    Failed(Failure),
    /// The change was not tried, because an object that it depends on could not be created.
    Skipped(String),
}

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    /// The status of the response, if there was one.
    status: Option<u16>,
    exit_code: u8,
    /// A sentence about the consequence for the operator.
    note: Option<String>,
}

impl Failure {
    /// Returns the failure of a change whose response is not the API's.
    pub(super) fn of_other_server() -> Self {
        Self {
            message: "the response is not one of the admin API: is it Tollgate?".to_owned(),
            status: None,
            exit_code: 2,
            note: None,
        }
    }

    pub(super) fn is_conflict(&self) -> bool {
        matches!(self.status, Some(CONFLICT | PRECONDITION_FAILED))
    }

    /// Adds a sentence to the message.
    pub(super) fn add(&mut self, sentence: &str) {
        self.note = Some(sentence.to_owned());
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self {
            message: error.to_string(),
            status: status(&error),
            exit_code: error.exit_code(),
            note: None,
        }
    }
}

/// Returns the status of a response, also if API Gateway has refused the request.
fn status(error: &ClientError) -> Option<u16> {
    match error {
        ClientError::Refused(refusal) => Some(refusal.status),
        _ => None,
    }
}

/// The counts of all changes.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) deleted: usize,
    pub(super) requests: usize,
    /// A message for each change that was not made.
    pub(super) failures: Vec<String>,
    /// True if the object differed from the one that was compared.
    pub(super) has_conflict: bool,
    /// The largest exit code of the failures.
    pub(super) exit_code: u8,
    failures_in_a_row: usize,
    is_denied: bool,
}

impl Outcomes {
    /// Adds the result of a change.
    pub(super) fn add(&mut self, difference: &Difference, outcome: &Outcome) {
        let Difference { kind, name, .. } = difference;
        match outcome {
            Outcome::Written(_) => {
                self.requests += 1;
                self.failures_in_a_row = 0;
                *self.count(&difference.change) += 1;
            }
            Outcome::Failed(failure) => {
                self.requests += 1;
                self.exit_code = self.exit_code.max(failure.exit_code);
                self.is_denied |= matches!(failure.status, Some(UNAUTHORIZED | FORBIDDEN));
                let is_refusal = failure.status.is_some_and(|status| status < 500);
                self.failures_in_a_row = if is_refusal {
                    0
                } else {
                    self.failures_in_a_row + 1
                };

                let message = if failure.status == Some(PRECONDITION_FAILED) {
                    self.has_conflict = true;
                    conflict(&difference.change)
                } else {
                    &failure.message
                };
                let note = failure.note.as_deref();
                let note = note.map_or_else(String::new, |note| format!(". {note}"));
                let message = message
                    .strip_suffix('.')
                    .filter(|_| !note.is_empty())
                    .unwrap_or(message);
                // A message of the API begins with the object.
                let object = format!("{kind} {name}:");
                let message = message.strip_prefix(&object).unwrap_or(message);
                let message = message.trim_start();
                self.failures.push(format!("{object} {message}{note}"));
            }
            Outcome::Skipped(reason) => {
                self.exit_code = self.exit_code.max(1);
                self.failures.push(format!("{kind} {name}: {reason}"));
            }
        }
    }

    /// True if further requests would fail as well: the API does not respond, or denies access.
    pub(super) fn is_hopeless(&self) -> bool {
        self.is_denied || self.failures_in_a_row >= MAX_FAILURES
    }

    fn count(&mut self, change: &Change) -> &mut usize {
        match change {
            Change::Create { .. } => &mut self.created,
            Change::Update { .. } => &mut self.updated,
            Change::Delete { .. } => &mut self.deleted,
        }
    }
}

/// Returns the message of a change that would overwrite another one.
fn conflict(change: &Change) -> &'static str {
    match change {
        Change::Create { .. } => "it was created since the comparison, and was not changed",
        Change::Update { .. } | Change::Delete { .. } => {
            "it was changed since the comparison, and was left as it is"
        }
    }
}

/// Returns the stage of a change. Plans are created before the policies and keys that name them,
/// and deleted after them.
pub(super) fn stage(difference: &Difference) -> u8 {
    let kind = match difference.kind {
        ObjectKind::Plan => 0,
        ObjectKind::Policy => 1,
        ObjectKind::Composition => 2,
        ObjectKind::Key => 3,
    };
    match difference.change {
        Change::Create { .. } | Change::Update { .. } => kind,
        Change::Delete { .. } => 7 - kind,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn difference(kind: ObjectKind, change: Change) -> Difference {
        Difference {
            kind,
            name: "a".to_owned(),
            change,
            fields: Vec::new(),
        }
    }

    fn create() -> Change {
        Change::Create { body: Value::Null }
    }

    fn delete() -> Change {
        Change::Delete {
            etag: String::new(),
        }
    }

    fn refused(status: u16) -> Outcome {
        Outcome::Failed(Failure {
            message: "refused".to_owned(),
            status: Some(status),
            exit_code: if status < 500 { 1 } else { 2 },
            note: None,
        })
    }

    #[test]
    fn objects_are_deleted_in_reverse_order_after_all_others() {
        let mut stages = Vec::new();
        for change in [create(), delete()] {
            for kind in [
                ObjectKind::Plan,
                ObjectKind::Policy,
                ObjectKind::Composition,
                ObjectKind::Key,
            ] {
                stages.push(stage(&difference(kind, change.clone())));
            }
        }
        assert_eq!(stages, [0, 1, 2, 3, 7, 6, 5, 4]);
    }

    #[test]
    fn conflict_does_not_stop_independent_changes() {
        let mut outcomes = Outcomes::default();
        let key = difference(ObjectKind::Key, create());
        for _ in 0..10 {
            outcomes.add(&key, &refused(412));
        }
        assert!(outcomes.has_conflict && !outcomes.is_hopeless());
        assert_eq!((outcomes.exit_code, outcomes.failures.len()), (1, 10));
        assert!(outcomes.failures[0].starts_with("key a: it was created since"));
    }

    #[test]
    fn failure_names_its_object_once() {
        let mut outcomes = Outcomes::default();
        for message in ["key a: wrong", "wrong"] {
            let failure = Failure {
                message: message.to_owned(),
                status: Some(409),
                exit_code: 1,
                note: None,
            };
            outcomes.add(
                &difference(ObjectKind::Key, create()),
                &Outcome::Failed(failure),
            );
        }
        assert_eq!(outcomes.failures, ["key a: wrong", "key a: wrong"]);
    }

    #[test]
    fn unavailable_api_and_missing_permission_stop_the_run() {
        let key = difference(ObjectKind::Key, create());
        let mut outcomes = Outcomes::default();
        for status in [500, 503] {
            outcomes.add(&key, &refused(status));
        }
        outcomes.add(&key, &Outcome::Written(Vec::new()));
        for status in [500, 503] {
            outcomes.add(&key, &refused(status));
            assert!(!outcomes.is_hopeless());
        }
        outcomes.add(&key, &refused(502));
        assert!(outcomes.is_hopeless());
        assert_eq!((outcomes.exit_code, outcomes.created), (2, 1));

        let mut outcomes = Outcomes::default();
        outcomes.add(&key, &refused(403));
        assert!(outcomes.is_hopeless());
    }
}
