//! The clock of a store.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use limits::Nanos;

/// The source of the current time. A store reads it once per attempt, right before it sends a
/// write, so that waiting for keys, plans or a retry does not age a decision.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Nanos + Send + Sync>);

impl Clock {
    /// Returns the clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| nanos(SystemTime::now()))
    }

    /// Returns a clock that reads the time through `now`, in nanoseconds since 1970. For tests.
    pub fn new(now: impl Fn() -> Nanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> Nanos {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// Returns a time in nanoseconds since 1970, or 0 if it is earlier.
pub(crate) fn nanos(time: SystemTime) -> Nanos {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
    })
}
