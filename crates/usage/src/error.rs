//! Why a store could not keep its word.

/// A store's own failure; a refusal is a [`Verdict`](crate::Verdict) instead.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Forgetting a caller that still has usage would admit it anew.
    #[error("the embedded store holds as many callers as it may")]
    Full,
    /// No calendar reaches there.
    #[error("the clock stands outside the calendar")]
    Clock,
}
