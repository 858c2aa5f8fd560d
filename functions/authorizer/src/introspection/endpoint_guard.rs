//! Protects an introspection endpoint from too many calls.

use aws::Breaker;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The calls that an instance has in flight. More would only queue at the server.
pub(super) const MAX_CALLS_IN_FLIGHT: usize = 64;

/// The circuit breaker and the limit of concurrent calls of one endpoint. They are kept when the
/// policy changes.
#[derive(Debug)]
pub(super) struct EndpointGuard {
    pub(super) breaker: Breaker,
    permits: Semaphore,
}

/// The guards of one endpoint. Opaque tokens, which anyone can make up, cannot use up the calls for
/// valid JWTs or open their breaker.
#[derive(Debug)]
pub(super) struct EndpointGuards {
    /// For opaque tokens.
    pub(super) opaque: EndpointGuard,
    /// For JWTs that passed every local check.
    pub(super) revocation: EndpointGuard,
}

impl EndpointGuards {
    pub(super) fn new() -> Self {
        Self {
            opaque: EndpointGuard::new(),
            revocation: EndpointGuard::new(),
        }
    }
}

impl EndpointGuard {
    fn new() -> Self {
        Self {
            breaker: Breaker::new("introspection"),
            permits: Semaphore::new(MAX_CALLS_IN_FLIGHT),
        }
    }

    /// Returns a permit for one call, or `None` if too many calls are in flight.
    pub(super) fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.permits.try_acquire().ok()
    }
}
