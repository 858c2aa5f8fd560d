//! What a check found, in the order of its importance.

use crate::verdict::Verdict;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Review {
    /// Facts that are wrong.
    pub(super) problems: Vec<String>,
    /// Facts that need attention.
    pub(super) warnings: Vec<String>,
    /// Facts that the run could not show.
    pub(super) unproven: Vec<String>,
}

impl Review {
    /// Adds a fact that is wrong.
    pub(super) fn problem(&mut self, detail: impl Into<String>) {
        self.problems.push(detail.into());
    }

    /// Adds a fact that needs attention.
    pub(super) fn warning(&mut self, detail: impl Into<String>) {
        self.warnings.push(detail.into());
    }

    /// Adds a fact that the run could not show.
    pub(super) fn unproven(&mut self, detail: impl Into<String>) {
        self.unproven.push(detail.into());
    }

    /// Adds a problem if two values differ.
    pub(super) fn equal(&mut self, what: &str, actual: &str, expected: &str) {
        if actual != expected {
            let actual = quoted(actual);
            self.problem(format!("{what} is {actual}, expected {}", quoted(expected)));
        }
    }

    /// Returns the verdict: the most serious status, with all details. `ok` is the detail if there
    /// are none.
    pub(super) fn verdict(self, ok: impl Into<String>) -> Verdict {
        let first = if !self.problems.is_empty() {
            Verdict::failed
        } else if !self.warnings.is_empty() {
            Verdict::warning
        } else if !self.unproven.is_empty() {
            Verdict::not_proven
        } else {
            return Verdict::ok(ok);
        };

        let mut verdict = first(String::new());
        verdict.details = self.problems;
        verdict.details.extend(self.warnings);
        verdict.details.extend(self.unproven);
        verdict
    }
}

/// Returns a value for a message. An empty value is `nothing`.
pub(super) fn quoted(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

#[cfg(test)]
mod tests {
    use crate::verdict::Status;

    use super::*;

    #[test]
    fn most_serious_finding_is_the_status() {
        let mut review = Review::default();
        assert_eq!(review.clone().verdict("fine"), Verdict::ok("fine"));

        review.unproven("u");
        assert_eq!(review.clone().verdict("").status, Status::NotProven);
        review.warning("w");
        assert_eq!(review.clone().verdict("").status, Status::Warning);
        review.equal("timeout", "", "25000");
        let verdict = review.verdict("");
        assert_eq!(verdict.status, Status::Failed);
        let details = ["timeout is nothing, expected 25000", "w", "u"];
        assert_eq!(verdict.details, details);
    }
}
