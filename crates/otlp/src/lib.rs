//! Exports traces and metrics over OTLP/HTTP to the collector that the standard `OTEL_*` variables
//! name.
//!
//! - **Purpose**: a tracer for [`telemetry::Span`], metrics that follow from spans, and metrics that
//!   the program hands over.
//! - **Reads**: `OTEL_*` variables and those of Lambda, through a lookup function.
//! - **Writes**: `POST` requests with protobuf messages to the collector, and at most one warning
//!   per minute about what was dropped.
//! - **On failure**: a request of a client is never delayed or failed. The queue of spans has a
//!   limit, a failed request is repeated after a pause, and everything that is dropped is counted.
//!   Without an endpoint nothing exists: no task, no buffer, no connection.
//!
//! ```
//! use std::time::Duration;
//!
//! use otlp::{Otlp, Service, Settings};
//! use telemetry::{Span, SpanKind};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let lookup = |name: &str| {
//!     (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://localhost:4318".to_owned())
//! };
//! let service = Service { name: "tollgate", version: "0.2.0" };
//!
//! if let Some(settings) = Settings::from_lookup(lookup, service)? {
//!     let otlp = Otlp::start(settings);
//!     otlp.install();
//!
//!     let mut span = Span::begin(SpanKind::Server, "GET /orders", None);
//!     span.set("http.response.status_code", 200_u16);
//!     span.end();
//!
//!     otlp.flush(Duration::from_millis(10)).await;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod exporter;
mod flush_layer;
mod function;
mod loss_log;
mod losses;
mod metrics;
mod queue;
mod rounds;
mod settings;
mod state;
mod tracer;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use aws::Connections;
use aws::timeouts::CONNECT_TIMEOUT;
use telemetry::install_tracer;
use tokio::task::AbortHandle;

use exporter::{Link, MetricExporter, Rhythm, SpanExporter};
pub use flush_layer::FlushLayer;
pub use function::start_in_function;
pub use losses::Dropped;
use losses::Losses;
pub use metrics::{Instrument, Snapshot};
use queue::SpanQueue;
use settings::Target;
pub use settings::{Service, Settings, Signal};
use state::State;
use tracer::OtlpTracer;
use transport::Transport;

/// An export that is on. Clones share it. The export ends with the last clone.
#[derive(Debug, Clone)]
pub struct Otlp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    state: Arc<State>,
    tasks: Vec<AbortHandle>,
}

impl Inner {
    fn abort(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Otlp {
    /// Starts the tasks that export at intervals.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
    #[must_use]
    pub fn start(settings: Settings) -> Self {
        Self::with_rhythm(settings, Rhythm::Timed)
    }

    fn with_rhythm(settings: Settings, rhythm: Rhythm) -> Self {
        let losses = Arc::new(Losses::default());
        let queue = SpanQueue::new(settings.queue, Arc::clone(&losses));
        let state = Arc::new(State::new(queue, losses, &settings));
        let connections = Connections::new(CONNECT_TIMEOUT).trusting(&settings.authorities);
        let transport = Arc::new(Transport::new(connections));

        let link = |signal, target: &Option<Target>| {
            Some(Link {
                signal,
                target: target.clone()?,
                transport: Arc::clone(&transport),
                state: Arc::clone(&state),
            })
        };
        let spans = link(Signal::Traces, &settings.traces)
            .map(|link| tokio::spawn(SpanExporter::new(link, &settings, rhythm).run()));
        let metrics = link(Signal::Metrics, &settings.metrics)
            .map(|link| tokio::spawn(MetricExporter::new(link, &settings, rhythm).run()));
        let tasks = [spans, metrics].into_iter().flatten();

        Self(Arc::new(Inner {
            tasks: tasks.map(|task| task.abort_handle()).collect(),
            settings,
            state,
        }))
    }

    /// Returns a tracer whose spans are exported.
    #[must_use]
    pub fn tracer(&self) -> Arc<dyn telemetry::Tracer> {
        let Inner {
            settings, state, ..
        } = &*self.0;
        let queue = settings.traces.is_some().then(|| state.queue.clone());

        Arc::new(OtlpTracer::new(
            settings,
            queue,
            Arc::clone(&state.span_metrics),
        ))
    }

    /// Makes this export the one of the process, so that [`telemetry::Span`] records. Returns false
    /// if there is one already.
    pub fn install(&self) -> bool {
        install_tracer(self.tracer())
    }

    /// Adds metrics to each export. `source` is called in an exporter's task and must not block.
    ///
    /// These metrics follow from spans and are not to be added again:
    /// `http.client.request.duration`, `db.client.operation.duration`, `rpc.client.call.duration`,
    /// `faas.*`, `otel.sdk.*`, and `tollgate.decisions` and `tollgate.refusals` of a function.
    pub fn add_metrics(&self, source: impl Fn(&mut Snapshot) + Send + Sync + 'static) {
        self.0.state.add_source(Box::new(source));
    }

    /// Sends all spans that wait and the current metrics, and waits for at most `within`. Returns
    /// true if no span waits any more. Spans that could not be sent stay in the queue.
    pub async fn flush(&self, within: Duration) -> bool {
        self.0.state.flush(within, true).await;

        self.0.state.is_empty()
    }

    /// Sends what waits as [`Self::flush`] does, and ends the export. Spans that could not be sent
    /// are counted as dropped, and a warning states how many.
    pub async fn shutdown(&self, within: Duration) {
        self.flush(within).await;

        self.0.abort();
        self.0.state.close();
    }

    /// Sends all spans that wait, and the metrics if they are due.
    pub(crate) async fn flush_due(&self, within: Duration) {
        self.0.state.flush(within, false).await;
    }

    /// Returns how many spans and data points were dropped since the start, by reason.
    #[must_use]
    pub fn dropped(&self) -> Vec<Dropped> {
        self.0.state.losses.list()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.abort();
    }
}
