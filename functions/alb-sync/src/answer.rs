//! What a run answers, and what the error of a failed one carries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use lambda_runtime::Diagnostic;
use serde::Serialize;

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Each group, by its ARN.
    pub targets: Vec<Outcome>,
    /// Whether nothing has been done of what stands here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What came of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which.
    pub target_group_arn: String,
    /// The addresses that its names show.
    pub resolved: BTreeSet<IpAddr>,
    /// What has been registered.
    pub registered: Vec<SocketAddr>,
    /// What has been deregistered.
    pub deregistered: Vec<SocketAddr>,
    /// In how many intervals no name has shown a target that is still in the group.
    pub pending: BTreeMap<SocketAddr, u32>,
    /// Whether the answers show every address that the names have.
    pub complete: bool,
    /// What kept the group from being reconciled.
    pub error: Option<String>,
    /// For the log and the gauges.
    #[serde(skip)]
    pub seen: Observed,
}

/// What a run saw of a group, beside its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many targets the group has on the ports of its names afterwards; `None` where that is
    /// not known.
    pub size: Option<usize>,
    /// How many are due to leave in a later step.
    pub withheld: usize,
    /// How many of these are healthy, and stay because no target that the names show is.
    pub kept_healthy: usize,
    /// How many queries were made.
    pub lookups: u32,
    /// How long the addresses hold, in seconds.
    pub ttl_s: Option<u64>,
    /// Whether another run was at work, so that this one left everything to it.
    pub left_to_another: bool,
}

/// A run in which a group could not be reconciled, after all others were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", serde_json::to_string(.0).unwrap_or_default())]
pub struct NotReconciled(pub Answer);

impl From<NotReconciled> for Diagnostic {
    fn from(failure: NotReconciled) -> Self {
        Self {
            error_type: "NotReconciled".to_owned(),
            error_message: failure.to_string(),
        }
    }
}

impl Outcome {
    /// Adds to what kept the group from being reconciled.
    pub(crate) fn problem(&mut self, problem: impl std::fmt::Display) {
        self.error = Some(match self.error.take() {
            Some(before) => format!("{before}; {problem}"),
            None => problem.to_string(),
        });
    }
}

impl Answer {
    /// # Errors
    /// [`NotReconciled`], carrying the same, where a group could not be.
    pub(crate) fn or_error(self) -> Result<Self, NotReconciled> {
        if self.targets.iter().any(|target| target.error.is_some()) {
            Err(NotReconciled(self))
        } else {
            Ok(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_run_carries_its_answer() {
        let mut outcome = Outcome {
            target_group_arn: "arn:a".to_owned(),
            ..Outcome::default()
        };
        outcome.registered.push("10.0.0.1:443".parse().unwrap());
        outcome.pending.insert("10.0.0.2:443".parse().unwrap(), 2);
        let answer = Answer {
            targets: vec![outcome.clone()],
            dry_run: false,
        };
        assert_eq!(answer.clone().or_error(), Ok(answer));
        outcome.problem("a");
        outcome.problem("b");
        let failure = Answer {
            targets: vec![outcome],
            dry_run: false,
        }
        .or_error()
        .unwrap_err();
        let told = Diagnostic::from(failure);
        assert_eq!(told.error_type, "NotReconciled");
        assert_eq!(
            told.error_message,
            concat!(
                r#"{"targets":[{"target_group_arn":"arn:a","resolved":[],"registered":["10.0.0.1:443"],"deregistered":[],"#,
                r#""pending":{"10.0.0.2:443":2},"complete":false,"error":"a; b"}]}"#
            )
        );
    }
}
