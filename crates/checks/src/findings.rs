//! What a check finds, when it looks at several things.

use crate::aws::Unread;
use crate::verdict::{Status, Verdict};

/// The findings of a check about several things, of which some may be unreadable.
#[derive(Default)]
pub(crate) struct Findings {
    notes: Vec<(Status, String)>,
    facts: Vec<String>,
}

impl Findings {
    /// Adds a fact that is true.
    pub(crate) fn fact(&mut self, detail: impl Into<String>) {
        self.facts.push(detail.into());
    }

    /// Adds a fact about several things, unless there are none.
    pub(crate) fn fact_of_some(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.fact(format!("{count} {what}"));
        }
    }

    /// Adds a fact that is not true.
    pub(crate) fn problem(&mut self, detail: impl Into<String>) {
        self.add(Status::Failed, detail);
    }

    /// Adds something that needs attention.
    pub(crate) fn warning(&mut self, detail: impl Into<String>) {
        self.add(Status::Warning, detail);
    }

    /// Adds a fact that the run cannot show.
    pub(crate) fn unproven(&mut self, detail: impl Into<String>) {
        self.add(Status::NotProven, detail);
    }

    /// Adds a fact that the identity must not read.
    pub(crate) fn unchecked(&mut self, detail: impl Into<String>) {
        self.add(Status::NotChecked, detail);
    }

    /// Adds something that could not be read. `subject` is what the call was about.
    pub(crate) fn unread(&mut self, subject: &str, reason: &Unread) {
        match reason {
            // One note for all objects that need the same permission.
            Unread::Denied { .. } | Unread::NoCredentials(_) => self.unchecked(reason.to_string()),
            Unread::NotFound { .. } => self.problem(format!("{subject} does not exist")),
            Unread::OtherRegion { .. } => self.problem(format!("{subject} is in another region")),
            Unread::Failed(_) => self.add(Status::Error, format!("{subject}: {reason}")),
        }
    }

    /// Adds a problem if a value is not the expected one.
    pub(crate) fn equal(&mut self, what: &str, actual: &str, expected: &str) {
        if actual != expected {
            let actual = if actual.is_empty() { "not set" } else { actual };
            let expected = quoted(expected);
            self.problem(format!("{what} is {actual}, expected {expected}"));
        }
    }

    /// Returns what was read, or adds the reason why it is not known.
    pub(crate) fn take<T>(&mut self, subject: &str, read: Result<T, Unread>) -> Option<T> {
        read.map_err(|reason| self.unread(subject, &reason)).ok()
    }

    /// Adds the findings of a decision.
    pub(crate) fn merge(&mut self, verdict: Verdict) {
        for detail in verdict.details {
            match verdict.status {
                Status::Ok | Status::NotApplicable => self.fact(detail),
                status => self.add(status, detail),
            }
        }
    }

    /// True if everything that was found so far is true.
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Returns the verdict as [`Self::into_verdict`]. `known` is what is true if there are no
    /// findings, so that it claims nothing about calls that were denied.
    pub(crate) fn verdict(mut self, known: impl Into<String>) -> Verdict {
        if self.notes.is_empty() {
            self.facts = vec![known.into()];
        }
        self.into_verdict()
    }

    /// Returns the verdict. Its status is that of the most important finding, and its details are
    /// all findings. The facts say what is true of the rest. Without findings and facts, nothing
    /// is proven.
    pub(crate) fn into_verdict(self) -> Verdict {
        const BY_IMPORTANCE: [Status; 5] = [
            Status::Failed,
            Status::Error,
            Status::NotChecked,
            Status::NotProven,
            Status::Warning,
        ];
        let has = |status| self.notes.iter().any(|(known, _)| *known == status);
        let found = BY_IMPORTANCE.into_iter().find(|status| has(*status));
        let status = match found {
            Some(status) => status,
            None if self.facts.is_empty() => {
                return Verdict::not_proven("nothing was found that could be checked");
            }
            None => Status::Ok,
        };

        let mut details: Vec<String> = Vec::new();
        for importance in BY_IMPORTANCE {
            let notes = self.notes.iter().filter(|(known, _)| *known == importance);
            details.extend(notes.map(|(_, detail)| detail.clone()));
        }
        match status {
            Status::Ok => details = self.facts,
            // A denied call does not hide what the other calls have shown.
            Status::NotChecked | Status::NotProven => {
                let rest = self.facts.iter();
                details.extend(rest.map(|fact| format!("apart from that: {fact}")));
            }
            _ => {}
        }
        Verdict {
            status,
            details,
            fix: None,
        }
    }

    fn add(&mut self, status: Status, detail: impl Into<String>) {
        let note = (status, detail.into());
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Returns a value for a detail. An empty value is `nothing`.
pub(crate) fn quoted(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_values_are_problems() {
        let mut findings = Findings::default();
        findings.equal("timeout", "25000", "25000");
        findings.equal("connection", "", "VPC_LINK");
        let detail = "connection is not set, expected VPC_LINK";
        assert_eq!(findings.verdict(""), Verdict::failed(detail));
    }

    #[test]
    fn nothing_found_is_ok() {
        let verdict = Findings::default().verdict("all are active");
        assert_eq!(verdict, Verdict::ok("all are active"));
    }

    #[test]
    fn problems_come_first_and_nothing_is_left_out() {
        let denied = Unread::Denied {
            permission: "lambda:GetAlias".to_owned(),
        };
        let mut findings = Findings::default();
        findings.warning("slow");
        findings.unread("alias live", &denied);
        findings.unread("alias other", &denied);
        findings.problem("inactive");

        let verdict = findings.verdict("all are active");
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["inactive", "needs lambda:GetAlias", "slow"]
        );
    }

    #[test]
    fn a_denied_call_does_not_hide_the_rest() {
        let mut findings = Findings::default();
        findings.fact("table usage is active");
        findings.unchecked("needs lambda:GetAlias");
        let verdict = findings.verdict("both tables are active");
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details,
            [
                "needs lambda:GetAlias",
                "apart from that: table usage is active"
            ]
        );
    }

    #[test]
    fn a_denied_call_claims_nothing_about_the_rest() {
        let mut findings = Findings::default();
        findings.unchecked("needs lambda:GetAlias");
        let verdict = findings.verdict("both tables are active");
        assert_eq!(verdict, Verdict::not_checked("needs lambda:GetAlias"));
    }

    #[test]
    fn nothing_that_was_read_proves_nothing() {
        let mut findings = Findings::default();
        findings.fact_of_some(0, "functions are active");
        let verdict = findings.into_verdict();
        assert_eq!(
            verdict,
            Verdict::not_proven("nothing was found that could be checked")
        );
    }

    #[test]
    fn facts_are_shown_unless_there_is_a_problem() {
        let with = |verdict: Verdict| {
            let mut findings = Findings::default();
            findings.fact("the table is active");
            findings.merge(verdict);
            findings.into_verdict()
        };
        let ok = with(Verdict::ok("the key is enabled"));
        assert_eq!(ok.status, Status::Ok);
        assert_eq!(ok.details, ["the table is active", "the key is enabled"]);
        let unproven = with(Verdict::not_proven("unknown"));
        assert_eq!(
            unproven.details,
            ["unknown", "apart from that: the table is active"]
        );
        let failed = with(Verdict::failed("the key is disabled"));
        assert_eq!(failed.details, ["the key is disabled"]);
    }

    #[test]
    fn missing_objects_fail_and_other_faults_are_errors() {
        let missing = Unread::NotFound {
            permission: "lambda:GetAlias".to_owned(),
        };
        let mut findings = Findings::default();
        let fault = Unread::Failed("status 500".to_owned());
        findings.unread("table usage", &fault);
        findings.unread("alias live", &missing);

        let verdict = findings.verdict("");
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["alias live does not exist", "table usage: status 500"]
        );
    }
}
