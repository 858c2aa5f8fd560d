//! Data that a response does not have.

use serde::Serialize;

/// A part of a page that is not available, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    /// The part, such as `breakers`.
    pub(crate) what: String,
    /// The reason in words, such as `needs cloudwatch:GetMetricData`.
    pub(crate) reason: String,
}
