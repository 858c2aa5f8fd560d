//! The outcomes of a run, for programs.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalogue;
use crate::verdict::{Outcome, Status};

/// The page with one section per check.
pub const DOCUMENTATION: &str = "docs/operations/check.md";
/// The version of the JSON output. It changes only if a field is removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The outcomes of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The target for messages, such as `stack tollgate`.
    pub target: String,
    /// The outcomes, sorted by group.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Returns the report with outcomes, which are sorted as the catalogue.
    #[must_use]
    pub fn new(target: String, mut outcomes: Vec<Outcome>) -> Self {
        outcomes
            .sort_by_cached_key(|outcome| catalogue::all().position(|one| one == outcome.check));
        Self { target, outcomes }
    }

    /// Returns the number of outcomes with a status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        let outcomes = self.outcomes.iter();
        outcomes.filter(|it| it.verdict.status == status).count()
    }

    /// True if a check failed, or could not be completed for another reason than a permission.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.count(Status::Failed) + self.count(Status::Error) > 0
    }

    /// True if no check failed, but not every fact is shown to be true.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        let statuses = [Status::Warning, Status::NotChecked, Status::NotProven];
        statuses.into_iter().any(|status| self.count(status) > 0)
    }

    /// Returns the report as JSON. It contains no secret.
    #[must_use]
    pub fn to_json(&self, version: &str) -> Value {
        let checks: Vec<Value> = self.outcomes.iter().map(outcome_json).collect();
        let statuses = [
            Status::Ok,
            Status::Warning,
            Status::Failed,
            Status::NotChecked,
            Status::NotProven,
            Status::Error,
            Status::NotApplicable,
        ];
        let counts: serde_json::Map<String, Value> = statuses
            .into_iter()
            .map(|status| (status.name().to_owned(), self.count(status).into()))
            .collect();

        json!({
            "schema_version": SCHEMA_VERSION,
            "version": version,
            "target": self.target,
            "time": Timestamp::now().to_string(),
            "counts": counts,
            "checks": checks,
        })
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    let check = outcome.check;
    json!({
        "id": check.id,
        "group": check.group.name(),
        "title": check.title,
        "status": outcome.verdict.status.name(),
        "details": outcome.verdict.details,
        "fix": outcome.fix(),
        "evidence": check.evidence,
        "link": format!("{DOCUMENTATION}#{}", check.id),
    })
}
