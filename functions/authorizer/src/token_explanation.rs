//! The explanation of a token: each check with its result.
//!
//! It is for the terminal of an operator who sets up an identity provider. Unlike a log line, it
//! contains the values of claims that the policy uses.

pub(crate) mod bearer;
pub(crate) mod text;

use std::sync::Arc;

use outcome::Reason;
use serde::Serialize;

use crate::rejection::Rejection;
use crate::token::bearer::Bearer;

/// The checks of a token, and whether it is accepted.
#[derive(Clone, Debug, Serialize)]
pub struct TokenExplanation {
    /// True if the authorizer accepts the token, also for each of the given requests.
    pub accepted: bool,
    /// `ok`, or the reason in the log line of the refusal.
    pub reason: &'static str,
    /// The `detail` in the log line of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The name of the token's issuer in the policy, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The checks, in order.
    pub checks: Vec<TokenCheck>,
}

/// One check of a token.
#[derive(Clone, Debug, Serialize)]
pub struct TokenCheck {
    /// The name of the check, such as `audience`.
    pub check: &'static str,
    /// The result.
    pub result: CheckResult,
    /// The `reason` in the log line of a request that fails this check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The `detail` in that log line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The value in the token, and the expected one.
    pub text: String,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The token meets the requirement.
    Passed,
    /// The token does not meet the requirement.
    Failed,
    /// The check was not made: an earlier one failed that this one depends on, or it is not about the
    /// token.
    Skipped,
}

impl TokenExplanation {
    /// Returns the explanation with these checks and this decision on the token. A check of the plan
    /// or of a request may have failed even if the token is accepted.
    pub(crate) fn new(checks: Checks, decision: Result<Arc<Bearer>, Rejection>) -> Self {
        let Checks(checks) = checks;
        let failed = checks.iter().find(|it| it.result == CheckResult::Failed);
        let (reason, detail) = match (&decision, failed) {
            (Err(rejection), _) => (rejection.reason.as_str(), Some(detail(rejection))),
            (Ok(_), Some(check)) => (check.reason.unwrap_or_default(), check.detail.clone()),
            (Ok(_), None) => (Reason::Ok.as_str(), None),
        };
        let issuer = match &decision {
            Ok(bearer) => Some(&bearer.issuer_name),
            Err(rejection) => rejection.issuer_name.as_ref(),
        };

        Self {
            accepted: decision.is_ok() && failed.is_none(),
            reason,
            detail,
            issuer: issuer.map(ToString::to_string),
            checks,
        }
    }
}

impl CheckResult {
    /// Returns the result as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The checks that were made so far.
#[derive(Debug, Default)]
pub(crate) struct Checks(pub(crate) Vec<TokenCheck>);

impl Checks {
    pub(crate) fn passed(&mut self, check: &'static str, text: impl Into<String>) {
        self.push(check, CheckResult::Passed, None, text.into());
    }

    pub(crate) fn skipped(&mut self, check: &'static str, text: impl Into<String>) {
        self.push(check, CheckResult::Skipped, None, text.into());
    }

    /// Adds a failed check. A rejection without a detail is logged with its reason only.
    pub(crate) fn failed(
        &mut self,
        check: &'static str,
        rejection: impl Into<Rejection>,
        text: impl Into<String>,
    ) {
        let rejection = rejection.into();
        self.push(check, CheckResult::Failed, Some(&rejection), text.into());
    }

    /// Adds a check that passes unless there is a refusal.
    pub(crate) fn add<R: Into<Rejection>>(
        &mut self,
        check: &'static str,
        result: Result<(), R>,
        text: impl Into<String>,
    ) {
        match result {
            Ok(()) => self.passed(check, text),
            Err(refusal) => self.failed(check, refusal, text),
        }
    }

    pub(crate) fn have_failure(&self) -> bool {
        let is_failed = |check: &TokenCheck| check.result == CheckResult::Failed;
        self.0.iter().any(is_failed)
    }

    fn push(
        &mut self,
        check: &'static str,
        result: CheckResult,
        rejection: Option<&Rejection>,
        text: String,
    ) {
        self.0.push(TokenCheck {
            check,
            result,
            reason: rejection.map(|rejection| rejection.reason.as_str()),
            detail: rejection.map(detail),
            text,
        });
    }
}

/// Returns the detail of a rejection in the log, or else its reason.
pub(crate) fn detail(rejection: &Rejection) -> String {
    let reason = rejection.reason.as_str();
    rejection.detail.as_deref().unwrap_or(reason).to_owned()
}
