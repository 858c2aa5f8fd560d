//! Counts of what was exported and what was dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::settings::Signal;

/// The reason why data were dropped, as `error.type` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// The queue was full, because the collector is slow or absent.
    QueueFull,
    /// There was no response, for a cause such as `dns`, `refused`, `unknown_ca` or `timeout`.
    Failure(&'static str),
    /// The collector responded with this status.
    Status(u16),
    /// The collector accepted the request, but rejected some of its data.
    Rejected,
    /// The process ended before they were sent.
    Shutdown,
}

impl Reason {
    pub(crate) fn name(self) -> String {
        match self {
            Self::QueueFull => "queue_full".to_owned(),
            Self::Failure(cause) => cause.to_owned(),
            Self::Status(status) => status.to_string(),
            Self::Rejected => "rejected".to_owned(),
            Self::Shutdown => "shutdown".to_owned(),
        }
    }
}

/// A number of spans or data points that were dropped for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The signal.
    pub signal: Signal,
    /// The reason: `queue_full`, `rejected`, `shutdown`, an HTTP status, or the cause of a failed
    /// connection, such as `dns`, `refused`, `unknown_ca`, `tls`, `broken` or `timeout`.
    pub reason: String,
    /// The number since the start.
    pub count: u64,
}

/// The counts since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Losses(Mutex<Counts>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    /// Spans that the queue accepted.
    pub(crate) queued: u64,
    /// Spans that the collector accepted.
    pub(crate) exported: u64,
    /// The numbers of dropped spans and data points, by signal and reason. There are at most some
    /// dozens of reasons.
    pub(crate) dropped: BTreeMap<(Signal, Reason), u64>,
}

impl Losses {
    pub(crate) fn queued(&self) {
        self.lock().queued += 1;
    }

    pub(crate) fn exported(&self, count: u64) {
        self.lock().exported += count;
    }

    pub(crate) fn dropped(&self, signal: Signal, reason: Reason, count: u64) {
        if count > 0 {
            *self.lock().dropped.entry((signal, reason)).or_default() += count;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    pub(crate) fn list(&self) -> Vec<Dropped> {
        let counts = self.counts().dropped.into_iter();
        counts
            .map(|((signal, reason), count)| Dropped {
                signal,
                reason: reason.name(),
                count,
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
