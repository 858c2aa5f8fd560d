//! The reasons why a response lacks a part.

/// The reason why a response lacks a part. Clients see it in `_metadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The caller could not call the part directly: the policy's rule refuses it.
    Forbidden,
    /// The plan does not allow the call of a part that is charged as its own route.
    Throttled,
    /// The plan could not be checked.
    Unavailable,
    /// A value that the part's path or query needs is absent, or cannot be part of a path.
    InvalidValue,
    /// A part that this part depends on is missing.
    Dependency,
    /// The service did not respond in time.
    Timeout,
    /// The connection failed or broke.
    Unreachable,
    /// The circuit breaker of the service is open.
    CircuitOpen,
    /// Too many calls of the service were in progress for half of the timeout of the part.
    Overloaded,
    /// The service responded with this status, which is not 200 to 205.
    Status(u16),
    /// The response is not JSON in UTF-8, or has a content coding.
    InvalidResponse,
    /// The response is too large.
    TooLarge,
}

impl Missing {
    /// Returns the word for `_metadata`, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::InvalidValue => "invalid_value",
            Self::Dependency => "dependency",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::CircuitOpen => "circuit_open",
            Self::Overloaded => "overloaded",
            Self::Status(_) => "status",
            Self::InvalidResponse => "invalid_response",
            Self::TooLarge => "too_large",
        }
    }
}

/// A part that a response lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingPart<'p> {
    /// The name of the part in the response.
    pub name: &'p str,
    /// The reason.
    pub missing: Missing,
    /// True if the response has the fallback of the part.
    pub has_fallback: bool,
}
