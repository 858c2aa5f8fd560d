//! The log line of an authorizer that has compared a candidate of its policy with the policy in
//! force.

use serde::Deserialize;

use crate::aggregate::Aggregator;
use crate::rejection::Reason;
use crate::series::{Metric, Series};

/// The value of `event` in a line about a candidate.
pub(crate) const CANDIDATE_EVENT: &str = "candidate_decisions";
/// The maximum number of series that a line adds to.
pub(crate) const MAX_CANDIDATE_SERIES: usize = 3;

/// The comparisons that a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct CandidateCounts {
    /// All requests.
    evaluated: u64,
    /// The requests on which the candidate decides otherwise.
    differs: u64,
    /// The requests on which the decision of the candidate is unknown.
    unknown: u64,
}

impl CandidateCounts {
    /// Reads a line.
    ///
    /// # Errors
    /// [`Reason`] if a count is missing or impossible.
    pub(crate) fn read(line: &str) -> Result<Self, Reason> {
        let counts: Self = serde_json::from_str(line).map_err(|error| Reason::shape(&error))?;
        match counts.same() {
            Some(_) => Ok(counts),
            None => Err(Reason::MoreThanEvaluated),
        }
    }

    /// Returns the number of requests on which both policies decide the same.
    fn same(self) -> Option<u64> {
        self.evaluated
            .checked_sub(self.differs)?
            .checked_sub(self.unknown)
    }

    /// Counts the requests by result.
    pub(crate) fn observe(self, minute: i64, sums: &mut Aggregator, number: u32) {
        let counts: [_; MAX_CANDIDATE_SERIES] = [
            ("same", self.same().unwrap_or_default()),
            ("differs", self.differs),
            ("unknown", self.unknown),
        ];
        for (result, count) in counts {
            if count > 0 {
                let series = Series::new(Metric::CandidateDecisions, [result]);
                sums.add(minute, series, 1.0, count, number);
            }
        }
    }
}
