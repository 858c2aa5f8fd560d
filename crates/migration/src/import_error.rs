//! The reason why a file cannot be imported.

/// A file that cannot be imported. It is printed as `PLACE: PROBLEM`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ImportError {
    /// The file, and the position or the field if it is known.
    pub place: String,
    /// The problem, and what was expected. It repeats nothing that may be a secret.
    pub problem: String,
}

impl ImportError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}
