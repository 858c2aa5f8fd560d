//! The effect of a failed call.

/// The possible effect of a failed call on the called service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The service did not act on the request: there was no connection, or it refused the request.
    NotApplied,
    /// The request may have been applied. It may have arrived even though no response did.
    Unknown,
}
