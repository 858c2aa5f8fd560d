//! The audit log: one line for every change by an administrator.
//!
//! The line's message is `administrative change`. Its fields:
//!
//! - `principal`: the ARN that IAM has authenticated, with the session's name if a role was assumed
//! - `request_id`: API Gateway's own; the one in `span` may be the client's
//! - `action`, `target`: what was done, and the id of the key, plan or policy. For a refund to a
//!   token's subject,
//!   the caller as the usage table names it
//! - `changes`: JSON, see [`crate::audit::changes`]; `unlisted_changes` counts those that did not fit
//! - `quota`, `amount`: of a grant; a refund has the amount
//! - `result`: `ok`, or `unknown` if a change may have happened: the store or the time ended before
//!   its outcome was known
//!
//! A refused request, a request that changes nothing, and a repeated one write no line.

pub(crate) mod changes;

use axum::extract::FromRequestParts;
use http::request::Parts;
use telemetry::AUDIT_TARGET;

use crate::audit::changes::Changes;
use crate::problem::Problem;
use crate::request::caller;

/// The administrator that a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Administrator {
    pub(crate) principal: String,
    pub(crate) request_id: String,
}

impl<S: Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        caller::administrator(&parts.extensions)
    }
}

/// What an administrator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    PutPlan,
    DeletePlan,
    PutPolicy,
    CreateKey,
    UpdateKey,
    DeleteKey,
    RotateKey,
    ImportKey,
    Grant,
    Refund,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::PutPlan => "plan.put",
            Self::DeletePlan => "plan.delete",
            Self::PutPolicy => "policy.put",
            Self::CreateKey => "key.create",
            Self::UpdateKey => "key.update",
            Self::DeleteKey => "key.delete",
            Self::RotateKey => "key.rotate",
            Self::ImportKey => "key.import",
            Self::Grant => "usage.grant",
            Self::Refund => "usage.refund",
        }
    }
}

/// How much was granted or given back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) quota: Option<String>,
    pub(crate) amount: i64,
}

/// A record of the audit log.
struct Record<'r> {
    administrator: &'r Administrator,
    action: Action,
    target: &'r str,
    result: &'static str,
    changes: &'r Changes,
    amount: Option<&'r Amount>,
}

impl Record<'_> {
    fn log(&self) {
        let changes = (!self.changes.fields.is_empty())
            .then(|| serde_json::to_string(&self.changes.fields).unwrap_or_default());
        tracing::info!(
            target: AUDIT_TARGET,
            principal = self.administrator.principal,
            request_id = self.administrator.request_id,
            action = self.action.name(),
            target = self.target,
            result = self.result,
            quota = self.amount.and_then(|amount| amount.quota.as_deref()),
            amount = self.amount.map(|amount| amount.amount),
            changes,
            unlisted_changes = (self.changes.unlisted > 0).then_some(self.changes.unlisted),
            "administrative change"
        );
    }
}

/// A change that is under way. If it is dropped before its outcome is known, as at a timeout, its
/// record says so.
#[must_use]
pub(crate) struct PendingChange<'a> {
    administrator: &'a Administrator,
    action: Action,
    target: String,
    is_open: bool,
}

impl Administrator {
    /// Begins a change. Nothing is written before its outcome is known.
    pub(crate) fn begins(&self, action: Action, target: impl Into<String>) -> PendingChange<'_> {
        PendingChange {
            administrator: self,
            action,
            target: target.into(),
            is_open: true,
        }
    }
}

impl PendingChange<'_> {
    /// Records what was changed.
    pub(crate) fn made(mut self, changes: &Changes) {
        self.is_open = false;
        if !changes.is_empty() {
            self.record(&self.target, "ok", changes, None);
        }
    }

    /// Records how much was granted or given back.
    pub(crate) fn moved(mut self, amount: &Amount) {
        self.is_open = false;
        if amount.amount != 0 {
            self.record(&self.target, "ok", &Changes::default(), Some(amount));
        }
    }

    /// Records one of several targets that were changed together.
    pub(crate) fn made_to(&self, target: &str, changes: &Changes) {
        if !changes.is_empty() {
            self.record(target, "ok", changes, None);
        }
    }

    /// Ends the change without a record: nothing was changed, or all of it is recorded.
    pub(crate) fn end(mut self) {
        self.is_open = false;
    }

    /// Ends the change with a problem. If the change may have happened all the same, the record
    /// says so.
    pub(crate) fn failed(mut self, problem: Problem) -> Problem {
        self.is_open = problem.is_in_doubt();
        problem
    }

    fn record(
        &self,
        target: &str,
        result: &'static str,
        changes: &Changes,
        amount: Option<&Amount>,
    ) {
        Record {
            administrator: self.administrator,
            action: self.action,
            target,
            result,
            changes,
            amount,
        }
        .log();
    }
}

impl Drop for PendingChange<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.record(&self.target, "unknown", &Changes::default(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The results that `work` records.
    fn results(work: impl FnOnce(&Administrator)) -> Vec<Value> {
        let (log, administrator) = (
            Log::default(),
            Administrator {
                principal: "p".into(),
                request_id: "r".into(),
            },
        );
        let writer = log.clone();
        let subscriber = telemetry::log_to(["limiter"], None, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || work(&administrator));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["result"].clone()).collect()
    }

    #[test]
    fn a_change_that_a_timeout_cuts_off_is_recorded_as_unknown() {
        let cut_off = |administrator: &Administrator| {
            let change = administrator.begins(Action::UpdateKey, "k1");
            let work = async move {
                std::future::pending::<()>().await;
                change.end();
            };
            drop(work);
        };
        assert_eq!(results(cut_off), ["unknown"]);
    }

    #[test]
    fn a_change_that_was_refused_is_not_recorded() {
        let refused = |administrator: &Administrator| {
            drop(
                administrator
                    .begins(Action::UpdateKey, "k1")
                    .failed(Problem::not_found("key")),
            );
            administrator.begins(Action::UpdateKey, "k1").end();
            administrator
                .begins(Action::UpdateKey, "k1")
                .made(&Changes::default());
            administrator
                .begins(Action::Grant, "k1")
                .moved(&Amount::default());
        };
        assert_eq!(results(refused), [Value::Null; 0]);
    }
}
