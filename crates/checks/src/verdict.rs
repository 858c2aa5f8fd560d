//! The result of a check.

use admin_client::ClientError;

use crate::aws::Unread;
use crate::check::Check;

/// The status of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The fact is true.
    Ok,
    /// The fact is true, or unimportant here, and something else needs attention.
    Warning,
    /// The fact is not true.
    Failed,
    /// The fact could not be read for lack of credentials or a permission.
    NotChecked,
    /// The run could not show the fact, for example because no route echoes requests.
    NotProven,
    /// The fact could not be read for another reason.
    Error,
    /// The deployment does not have what the check is about.
    NotApplicable,
}

impl Status {
    /// Returns the name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
            Self::NotProven => "not_proven",
            Self::Error => "error",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// The result of a check: its status, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The status.
    pub status: Status,
    /// The findings, one sentence or value per item. It never contains a secret, but can contain
    /// text of AWS and of the API with control characters.
    pub details: Vec<String>,
    /// The next step for this finding, if it is more precise than that of the check.
    pub fix: Option<String>,
}

impl Verdict {
    fn new(status: Status, details: Vec<String>) -> Self {
        Self {
            status,
            details,
            fix: None,
        }
    }

    /// The fact is true.
    #[must_use]
    pub fn ok(detail: impl Into<String>) -> Self {
        Self::new(Status::Ok, vec![detail.into()])
    }

    /// The fact is true, but this needs attention.
    #[must_use]
    pub fn warning(detail: impl Into<String>) -> Self {
        Self::new(Status::Warning, vec![detail.into()])
    }

    /// The fact is not true.
    #[must_use]
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(Status::Failed, vec![detail.into()])
    }

    /// The fact could not be read for lack of a permission.
    #[must_use]
    pub fn not_checked(detail: impl Into<String>) -> Self {
        Self::new(Status::NotChecked, vec![detail.into()])
    }

    /// The run could not show the fact.
    #[must_use]
    pub fn not_proven(detail: impl Into<String>) -> Self {
        Self::new(Status::NotProven, vec![detail.into()])
    }

    /// The fact could not be read.
    #[must_use]
    pub fn error(detail: impl Into<String>) -> Self {
        Self::new(Status::Error, vec![detail.into()])
    }

    /// The deployment does not have what the check is about.
    #[must_use]
    pub fn not_applicable(detail: impl Into<String>) -> Self {
        Self::new(Status::NotApplicable, vec![detail.into()])
    }

    /// Returns [`Self::ok`] with `detail` if there are no problems, or else a failure with all of
    /// them.
    #[must_use]
    pub fn of_problems(problems: Vec<String>, detail: impl Into<String>) -> Self {
        if problems.is_empty() {
            Self::ok(detail)
        } else {
            Self::new(Status::Failed, problems)
        }
    }

    /// Returns the verdict with a next step of its own.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl From<Unread> for Verdict {
    fn from(reason: Unread) -> Self {
        match reason {
            Unread::Denied { .. } | Unread::NoCredentials(_) => {
                Self::not_checked(reason.to_string())
            }
            Unread::NotFound { .. } | Unread::OtherRegion { .. } => {
                Self::failed(reason.to_string())
            }
            Unread::Failed(_) => Self::error(reason.to_string()),
        }
    }
}

impl From<ClientError> for Verdict {
    fn from(error: ClientError) -> Self {
        let detail = error.to_string().replace('\n', "; ");
        if error.is_access_denied() {
            Self::not_checked(detail)
        } else {
            Self::error(detail)
        }
    }
}

/// The next step if something was missing for a check.
const NOT_CHECKED_FIX: &str = "Add what is named, such as the permission, and run the check again. \
                               docs/operations/check.md#permissions has a policy for all checks.";
/// The next step after an error.
const ERROR_FIX: &str = "Run the check again. If the error remains, correct what it names.";

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// The result.
    pub verdict: Verdict,
}

impl Outcome {
    /// Returns the next step, if the fact is not shown to be true. Without a permission, or after an
    /// error, that of the check would be about another problem.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        let own = self.verdict.fix.as_deref();
        match self.verdict.status {
            Status::Ok | Status::NotApplicable => None,
            Status::Failed | Status::Warning | Status::NotProven => {
                Some(own.unwrap_or(self.check.fix))
            }
            Status::NotChecked => Some(own.unwrap_or(NOT_CHECKED_FIX)),
            Status::Error => Some(own.unwrap_or(ERROR_FIX)),
        }
    }
}
