//! The state that the exporters' tasks share with its owners.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::loss_log::{Failure, LossLog};
use crate::losses::{Losses, Reason};
use crate::metrics::{Snapshot, SpanMetrics};
use crate::queue::SpanQueue;
use crate::rounds::Rounds;
use crate::settings::{Settings, Signal};

type Source = Box<dyn Fn(&mut Snapshot) + Send + Sync>;

/// The data that wait for their export, and the requests to export them now.
pub(crate) struct State {
    pub(crate) queue: SpanQueue,
    pub(crate) losses: Arc<Losses>,
    pub(crate) span_metrics: Arc<SpanMetrics>,
    sources: Mutex<Vec<Source>>,
    pub(crate) span_rounds: Rounds,
    pub(crate) metric_rounds: Rounds,
    /// True if the next flush includes metrics that are not due.
    all_metrics: AtomicBool,
    /// The number of spans in the batch that is being sent, or sent again.
    pending: AtomicU64,
    loss_log: Mutex<LossLog>,
}

impl State {
    pub(crate) fn new(queue: SpanQueue, losses: Arc<Losses>, settings: &Settings) -> Self {
        Self {
            queue,
            losses,
            span_metrics: Arc::default(),
            sources: Mutex::default(),
            span_rounds: Rounds::new(settings.traces.is_some()),
            metric_rounds: Rounds::new(settings.metrics.is_some()),
            all_metrics: AtomicBool::new(false),
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

    /// Asks both exporters to send what waits, and waits until they have tried.
    pub(crate) async fn flush(&self, within: Duration, all_metrics: bool) {
        if all_metrics {
            self.all_metrics.store(true, Ordering::SeqCst);
        }

        tokio::join!(
            self.span_rounds.flush(within),
            self.metric_rounds.flush(within)
        );
    }

    /// True if metrics are to be sent although they are not due.
    pub(crate) fn takes_all_metrics(&self) -> bool {
        self.all_metrics.swap(false, Ordering::SeqCst)
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
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}
