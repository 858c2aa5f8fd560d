//! What a check found, in the order of its importance.

use crate::aws::Unread;
use crate::verdict::{Status, Verdict};

/// The statuses of findings, the most serious first.
const SEVERITY: [Status; 5] = [
    Status::Failed,
    Status::Error,
    Status::Warning,
    Status::NotChecked,
    Status::NotProven,
];

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Review {
    found: Vec<(Status, String)>,
}

impl Review {
    /// Adds a fact that is wrong.
    pub(super) fn problem(&mut self, detail: impl Into<String>) {
        self.found.push((Status::Failed, detail.into()));
    }

    /// Adds a fact that needs attention.
    pub(super) fn warning(&mut self, detail: impl Into<String>) {
        self.found.push((Status::Warning, detail.into()));
    }

    /// Adds a fact that the run could not show.
    pub(super) fn unproven(&mut self, detail: impl Into<String>) {
        self.found.push((Status::NotProven, detail.into()));
    }

    /// Adds a fact that could not be read. The others still count.
    pub(super) fn unread(&mut self, what: &str, reason: Unread) {
        let detail = format!("{what}: {reason}");
        self.found.push((Verdict::from(reason).status, detail));
    }

    /// Adds a problem if two values differ.
    pub(super) fn equal(&mut self, what: &str, actual: &str, expected: &str) {
        if actual != expected {
            let (actual, expected) = (quoted(actual), quoted(expected));
            self.problem(format!("{what} is {actual}, expected {expected}"));
        }
    }

    /// Returns the verdict: the most serious status, with all details. `ok` is the detail if there
    /// are none.
    pub(super) fn verdict(self, ok: impl Into<String>) -> Verdict {
        let mut verdict = Verdict::ok(ok);
        if self.found.is_empty() {
            return verdict;
        }

        verdict.details.clear();
        for status in SEVERITY.into_iter().rev() {
            let found = self.found.iter().filter(|(it, _)| *it == status);
            let details: Vec<String> = found.map(|(_, detail)| detail.clone()).collect();
            if !details.is_empty() {
                verdict.status = status;
                verdict.details.splice(0..0, details);
            }
        }
        verdict
    }
}

/// Returns a value for a message. An empty value is `nothing`.
pub(super) fn quoted(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_serious_finding_is_the_status() {
        let permission = "lambda:GetPolicy".to_owned();
        let mut review = Review::default();
        assert_eq!(review.clone().verdict("fine"), Verdict::ok("fine"));

        review.unproven("u");
        assert_eq!(review.clone().verdict("").status, Status::NotProven);
        review.unread("r", Unread::Denied { permission });
        assert_eq!(review.clone().verdict("").status, Status::NotChecked);
        review.warning("w");
        assert_eq!(review.clone().verdict("").status, Status::Warning);
        review.equal("timeout", "", "25000");
        let verdict = review.verdict("");
        assert_eq!(verdict.status, Status::Failed);
        let details = [
            "timeout is nothing, expected 25000",
            "w",
            "r: needs lambda:GetPolicy",
            "u",
        ];
        assert_eq!(verdict.details, details);
    }
}
