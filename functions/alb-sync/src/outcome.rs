//! The report of a run, and the error of a failed run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use lambda_runtime::Diagnostic;
use serde::Serialize;

/// The response of the function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The outcome of each group, in the order of their ARNs.
    pub targets: Vec<Outcome>,
    /// True if nothing was changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The outcome of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The group's ARN.
    pub target_group_arn: String,
    /// The eligible addresses that the names resolve to.
    pub resolved: BTreeSet<IpAddr>,
    /// The targets that were registered, or would be in a dry run.
    pub registered: Vec<SocketAddr>,
    /// The targets that were deregistered, or would be in a dry run.
    pub deregistered: Vec<SocketAddr>,
    /// The number of misses of each target that is still in the group although no name resolves
    /// to it.
    pub pending: BTreeMap<SocketAddr, u32>,
    /// True if the DNS responses contained every address of the names.
    pub complete: bool,
    /// The reasons why the group could not be reconciled, separated by semicolons.
    pub error: Option<String>,
    /// Numbers for the log and the gauges.
    #[serde(skip)]
    pub metrics: GroupMetrics,
}

/// Numbers of a group that are not part of the response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMetrics {
    /// The number of targets on the ports of the names after the run. `None` if unknown.
    pub size: Option<usize>,
    /// The number of targets that are due to leave in a later step.
    pub withheld: usize,
    /// The number of withheld targets that stay because they are healthy, and no resolved target
    /// is.
    pub kept_healthy: usize,
    /// The number of DNS queries.
    pub lookups: u32,
    /// The shortest time to live of the addresses, in seconds.
    pub ttl_s: Option<u64>,
    /// True if an overlapping run had already updated the state.
    pub left_to_another: bool,
}

/// A run in which at least one group failed. All other groups were reconciled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", serde_json::to_string(.0).unwrap_or_default())]
pub struct RunError(pub Report);

impl From<RunError> for Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: "NotReconciled".to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl Outcome {
    /// Adds a reason why the group could not be reconciled.
    pub(crate) fn add_problem(&mut self, problem: impl std::fmt::Display) {
        self.error = Some(match self.error.take() {
            Some(earlier) => format!("{earlier}; {problem}"),
            None => problem.to_string(),
        });
    }
}

impl Report {
    /// Returns an error that contains the report if a group failed.
    pub(crate) fn into_result(self) -> Result<Self, RunError> {
        if self.targets.iter().any(|target| target.error.is_some()) {
            Err(RunError(self))
        } else {
            Ok(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_error_contains_the_report() {
        let mut outcome = Outcome {
            target_group_arn: "arn:a".to_owned(),
            ..Outcome::default()
        };
        outcome.registered.push("10.0.0.1:443".parse().unwrap());
        outcome.pending.insert("10.0.0.2:443".parse().unwrap(), 2);
        let report = Report {
            targets: vec![outcome.clone()],
            dry_run: false,
        };
        assert_eq!(report.clone().into_result(), Ok(report));
        outcome.add_problem("a");
        outcome.add_problem("b");
        let failure = Report {
            targets: vec![outcome],
            dry_run: false,
        }
        .into_result()
        .unwrap_err();
        let diagnostic = Diagnostic::from(failure);
        assert_eq!(diagnostic.error_type, "NotReconciled");
        assert_eq!(
            diagnostic.error_message,
            concat!(
                r#"{"targets":[{"target_group_arn":"arn:a","resolved":[],"registered":["10.0.0.1:443"],"deregistered":[],"#,
                r#""pending":{"10.0.0.2:443":2},"complete":false,"error":"a; b"}]}"#
            )
        );
    }
}
