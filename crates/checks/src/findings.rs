//! What a check finds, when it looks at several things.

use crate::aws::Unread;
use crate::verdict::{Status, Verdict};

/// What a check finds about several things, of which some may be unreadable.
#[derive(Default)]
pub(crate) struct Findings {
    notes: Vec<(Status, String)>,
}

impl Findings {
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

    /// Returns what was read, or adds the reason why it is not known.
    pub(crate) fn take<T>(&mut self, subject: &str, read: Result<T, Unread>) -> Option<T> {
        read.map_err(|reason| self.unread(subject, &reason)).ok()
    }

    /// Returns the verdict. Its status is that of the most important finding, and its details are
    /// all findings. `known` says what is true of the rest.
    pub(crate) fn verdict(self, known: impl Into<String>) -> Verdict {
        const BY_IMPORTANCE: [Status; 5] = [
            Status::Failed,
            Status::Error,
            Status::NotChecked,
            Status::NotProven,
            Status::Warning,
        ];
        let known = known.into();
        let has = |status| self.notes.iter().any(|(known, _)| *known == status);
        let Some(status) = BY_IMPORTANCE.into_iter().find(|status| has(*status)) else {
            return Verdict::ok(known);
        };

        let mut details: Vec<String> = Vec::new();
        for importance in BY_IMPORTANCE {
            let notes = self.notes.iter().filter(|(known, _)| *known == importance);
            details.extend(notes.map(|(_, detail)| detail.clone()));
        }
        // A denied call does not hide what the other calls have shown.
        if matches!(status, Status::NotChecked | Status::NotProven) {
            details.push(format!("apart from that: {known}"));
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

#[cfg(test)]
mod tests {
    use super::*;

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
        findings.unchecked("needs lambda:GetAlias");
        let verdict = findings.verdict("both tables are active");
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details,
            [
                "needs lambda:GetAlias",
                "apart from that: both tables are active"
            ]
        );
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
