//! The audit log: one line for every change by an administrator, and the audit records.
//!
//! A change of the registry and its record are one transaction: see [`trail`]. So are a grant or
//! its revocation and the record. Refunds have no record, because services make them for single calls. The log line is
//! written after the change.
//!
//! The message is `administrative change`. The fields are:
//!
//! - `principal`: the ARN that IAM has authenticated, with the session name of an assumed role
//! - `request_id`: the request id of API Gateway; the one in `span` may be chosen by the client
//! - `action`, `target`: the change, and the id of the key, plan, policy or composition. Of a block, the target is
//!   its kind and its readable id, such as `key/acme`. Of a refund to the subject of a token, it is
//!   the caller as the usage table names it
//! - `changes`: JSON, see [`changes`]; `unlisted_changes` counts those that did not fit
//! - `quota`, `amount`: of a grant or a revocation; a refund has only the amount
//! - `result`: `ok`, or `unknown` if the change may have been applied, because the store did not
//!   respond or the request timed out
//!
//! A rejected request, a request that changes nothing, and a repeated request write no line.

pub(crate) mod changes;
pub(crate) mod list;

mod trail;

use jiff::Timestamp;
use telemetry::AUDIT_TARGET;

use crate::problem::Problem;

use changes::Changes;

/// The administrator who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Administrator {
    pub(crate) principal: String,
    pub(crate) request_id: String,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    PutPlan,
    DeletePlan,
    PutPolicy,
    DeletePolicy,
    PutCandidate,
    DeleteCandidate,
    PromoteCandidate,
    PutComposition,
    DeleteComposition,
    CreateKey,
    UpdateKey,
    DeleteKey,
    RotateKey,
    ImportKey,
    PutBlock,
    DeleteBlock,
    Grant,
    Revoke,
    Refund,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::PutPlan => "plan.put",
            Self::DeletePlan => "plan.delete",
            Self::PutPolicy => "policy.put",
            Self::DeletePolicy => "policy.delete",
            Self::PutCandidate => "candidate.put",
            Self::DeleteCandidate => "candidate.delete",
            Self::PromoteCandidate => "candidate.promote",
            Self::PutComposition => "composition.put",
            Self::DeleteComposition => "composition.delete",
            Self::CreateKey => "key.create",
            Self::UpdateKey => "key.update",
            Self::DeleteKey => "key.delete",
            Self::RotateKey => "key.rotate",
            Self::ImportKey => "key.import",
            Self::PutBlock => "block.put",
            Self::DeleteBlock => "block.delete",
            Self::Grant => "usage.grant",
            Self::Revoke => "usage.revoke",
            Self::Refund => "usage.refund",
        }
    }
}

/// The calls that were granted, revoked or refunded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) quota: Option<String>,
    pub(crate) amount: i64,
}

/// A line of the audit log.
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
        let fields = &self.changes.fields;
        let changes =
            (!fields.is_empty()).then(|| serde_json::to_string(fields).unwrap_or_default());
        let unlisted = self.changes.unlisted;

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
            unlisted_changes = (unlisted > 0).then_some(unlisted),
            "administrative change"
        );
    }
}

/// A change in progress. If it is dropped before its outcome is known, for example at a timeout, its
/// result is recorded as `unknown`.
#[derive(Debug)]
#[must_use]
pub(crate) struct PendingChange<'a> {
    administrator: &'a Administrator,
    action: Action,
    target: String,
    /// The time at which the request arrived.
    at: Timestamp,
    is_open: bool,
}

impl Administrator {
    /// Begins a change. It is recorded once its outcome is known.
    pub(crate) fn begin(
        &self,
        action: Action,
        target: impl Into<String>,
        at: Timestamp,
    ) -> PendingChange<'_> {
        PendingChange {
            administrator: self,
            action,
            target: target.into(),
            at,
            is_open: true,
        }
    }
}

impl PendingChange<'_> {
    /// Records the changed fields. If there are none, records nothing.
    pub(crate) fn complete(mut self, changes: &Changes) {
        self.is_open = false;
        if !changes.is_empty() {
            self.record(&self.target, "ok", changes, None);
        }
    }

    /// Records the calls that were granted, revoked or refunded. If there are none, only a
    /// revocation changes something.
    pub(crate) fn complete_amount(mut self, amount: &Amount) {
        self.is_open = false;
        if amount.amount != 0 || self.action == Action::Revoke {
            self.record(&self.target, "ok", &Changes::default(), Some(amount));
        }
    }

    /// Records one of several targets that were changed together.
    pub(crate) fn record_target(&self, target: &str, changes: &Changes) {
        if !changes.is_empty() {
            self.record(target, "ok", changes, None);
        }
    }

    /// Ends the change without a record, because nothing was changed or everything is recorded.
    pub(crate) fn discard(mut self) {
        self.is_open = false;
    }

    /// Ends the change with a problem. If it may have been applied, its result is recorded as
    /// `unknown`.
    pub(crate) fn fail(mut self, problem: Problem) -> Problem {
        self.is_open = problem.is_write_in_doubt();
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

    /// Returns the results that `work` records.
    fn results(work: impl FnOnce(&Administrator)) -> Vec<Value> {
        let log = Log::default();
        let administrator = Administrator {
            principal: "p".into(),
            request_id: "r".into(),
        };

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
    fn change_that_times_out_is_recorded_as_unknown() {
        let time_out = |administrator: &Administrator| {
            let change = administrator.begin(Action::UpdateKey, "k1", Timestamp::UNIX_EPOCH);
            let work = async move {
                std::future::pending::<()>().await;
                change.discard();
            };
            drop(work);
        };

        assert_eq!(results(time_out), ["unknown"]);
    }

    #[test]
    fn rejected_change_is_not_recorded() {
        let reject = |administrator: &Administrator| {
            let begin = |action| administrator.begin(action, "k1", Timestamp::UNIX_EPOCH);
            drop(begin(Action::UpdateKey).fail(Problem::not_found("key")));
            begin(Action::UpdateKey).discard();
            begin(Action::UpdateKey).complete(&Changes::default());
            begin(Action::Grant).complete_amount(&Amount::default());
        };

        assert_eq!(results(reject), [Value::Null; 0]);
    }
}
