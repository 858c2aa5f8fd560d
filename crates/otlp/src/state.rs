//! The state that the exporter's task shares with its owners.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::loss_log::{Failure, LossLog};
use crate::losses::{Losses, Reason};
use crate::metrics::{Snapshot, SpanMetrics};
use crate::queue::SpanQueue;
use crate::settings::Signal;

type Source = Box<dyn Fn(&mut Snapshot) + Send + Sync>;

/// What is to be exported, and the requests to export it now.
pub(crate) struct State {
    pub(crate) queue: SpanQueue,
    pub(crate) losses: Arc<Losses>,
    pub(crate) span_metrics: Arc<SpanMetrics>,
    sources: Mutex<Vec<Source>>,
    /// The number of flushes that were requested, and a wake-up for the exporter.
    requested: AtomicU64,
    wake: Notify,
    /// True if the next flush includes metrics that are not due.
    all_metrics: AtomicBool,
    /// The number of flushes that are done.
    done: watch::Sender<u64>,
    in_flight_since: Mutex<Option<Instant>>,
    /// The number of spans in the batch that is being sent, or sent again.
    pending: AtomicU64,
    loss_log: Mutex<LossLog>,
}

/// A flush that the exporter carries out.
pub(crate) struct Flush {
    number: u64,
    pub(crate) all_metrics: bool,
}

impl State {
    pub(crate) fn new(queue: SpanQueue, losses: Arc<Losses>) -> Self {
        Self {
            queue,
            losses,
            span_metrics: Arc::default(),
            sources: Mutex::default(),
            requested: AtomicU64::new(0),
            wake: Notify::new(),
            all_metrics: AtomicBool::new(false),
            done: watch::Sender::new(0),
            in_flight_since: Mutex::default(),
            pending: AtomicU64::new(0),
            loss_log: Mutex::default(),
        }
    }

    pub(crate) fn add_source(&self, source: Source) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
    }

    /// Adds the metrics of all sources.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        self.span_metrics.add_to(snapshot);

        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.iter().for_each(|source| source(snapshot));
    }

    /// Asks the exporter to send what waits, and waits until it has tried. Returns at once if a
    /// request has been in flight for longer than `within`: the collector is slow.
    pub(crate) async fn flush(&self, within: Duration, all_metrics: bool) {
        if self.has_been_in_flight_for(within) {
            return;
        }
        if all_metrics {
            self.all_metrics.store(true, Ordering::SeqCst);
        }

        let number = self.requested.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();

        let mut done = self.done.subscribe();
        // After the timeout, the exporter goes on in the background.
        let _ = timeout(within, done.wait_for(|done| *done >= number)).await;
    }

    /// Waits for a flush.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Returns the flush that a round of the exporter covers.
    pub(crate) fn begin_flush(&self) -> Flush {
        let number = self.requested.load(Ordering::SeqCst);
        let all_metrics = self.all_metrics.swap(false, Ordering::SeqCst);

        Flush {
            number,
            all_metrics,
        }
    }

    pub(crate) fn end_flush(&self, flush: &Flush) {
        self.done.send_replace(flush.number);
    }

    /// True if no span waits, in the queue or in a batch.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.load(Ordering::SeqCst) == 0 && self.queue.is_empty()
    }

    pub(crate) fn set_pending(&self, spans: u64) {
        self.pending.store(spans, Ordering::SeqCst);
    }

    /// Drops the spans that wait, counts them, and logs what was dropped and not logged yet.
    pub(crate) fn close(&self) {
        let queued = u64::try_from(self.queue.clear()).unwrap_or(u64::MAX);
        let pending = self.pending.swap(0, Ordering::SeqCst);

        let unsent = queued.saturating_add(pending);
        self.losses
            .dropped(Signal::Traces, Reason::Shutdown, unsent);
        self.loss_log().write_now(&self.losses, Instant::now());
    }

    pub(crate) fn log_losses(&self, now: Instant) {
        self.loss_log().write(&self.losses, now);
    }

    pub(crate) fn log_failure(&self, failure: &Failure, now: Instant) {
        self.loss_log().write_failure(failure, now);
    }

    fn loss_log(&self) -> MutexGuard<'_, LossLog> {
        self.loss_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_in_flight(&self, since: Option<Instant>) {
        let in_flight = self.in_flight_since.lock();
        *in_flight.unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn has_been_in_flight_for(&self, time: Duration) -> bool {
        let since = *self
            .in_flight_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > time)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}
