//! Requests to an exporter to send what waits now.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// The rounds of one exporter, of which each covers the flushes that were requested before it.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// False if the signal is not exported.
    has_exporter: bool,
    /// The number of flushes that were requested.
    requested: AtomicU64,
    wake: Notify,
    /// The number of flushes that are done.
    done: watch::Sender<u64>,
    in_flight_since: Mutex<Option<Instant>>,
    /// True if a flush stopped waiting for the round in progress.
    is_abandoned: AtomicBool,
}

impl Rounds {
    pub(crate) fn new(has_exporter: bool) -> Self {
        Self {
            has_exporter,
            requested: AtomicU64::new(0),
            wake: Notify::new(),
            done: watch::Sender::new(0),
            in_flight_since: Mutex::default(),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Asks the exporter to send what waits, and waits until it has tried. Returns at once if a
    /// request has been in flight for longer than `within`, or if an earlier flush has waited for
    /// it in vain: the collector is slow.
    pub(crate) async fn flush(&self, within: Duration) {
        if !self.has_exporter || self.has_been_in_flight_for(within) {
            return;
        }

        let number = self.requested.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();

        let mut done = self.done.subscribe();
        // After the timeout, the exporter goes on in the background.
        if timeout(within, done.wait_for(|done| *done >= number))
            .await
            .is_err()
        {
            self.is_abandoned.store(true, Ordering::SeqCst);
        }
    }

    /// Waits for a flush.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Returns the number of the flush that a round covers, and whether it is a new one.
    pub(crate) fn begin(&self) -> (u64, bool) {
        let number = self.requested.load(Ordering::SeqCst);
        (number, number > *self.done.borrow())
    }

    /// Ends the round that covers a flush.
    pub(crate) fn end(&self, number: u64) {
        self.is_abandoned.store(false, Ordering::SeqCst);
        self.done.send_replace(number);
    }

    /// Sets the time at which the request in flight began.
    pub(crate) fn set_in_flight(&self, since: Option<Instant>) {
        let in_flight = self.in_flight_since.lock();
        *in_flight.unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn has_been_in_flight_for(&self, time: Duration) -> bool {
        let since = *self
            .in_flight_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_abandoned = self.is_abandoned.load(Ordering::SeqCst);
        is_abandoned || since.is_some_and(|since| since.elapsed() > time)
    }
}
