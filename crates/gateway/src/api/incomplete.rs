//! The reasons of incomplete responses.

/// The reason why the body of a response ended early, after its status had been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncompleteReason {
    /// The client left.
    Client,
    /// The backend broke off its response.
    Backend,
    /// The integration's timeout passed.
    Timeout,
}

impl IncompleteReason {
    /// Returns the name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Backend => "backend",
            Self::Timeout => "timeout",
        }
    }
}
