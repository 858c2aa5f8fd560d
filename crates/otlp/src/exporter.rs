//! The tasks that send spans and metrics. They are the only ones that wait for a collector, and
//! none waits for the other's.

mod messages;
mod metric_exporter;
mod own_metrics;
mod span_exporter;

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

pub(crate) use metric_exporter::MetricExporter;
pub(crate) use span_exporter::SpanExporter;

use crate::loss_log::Failure;
use crate::rounds::Rounds;
use crate::settings::{Signal, Target};
use crate::state::State;
use crate::transport::{Outcome, Transport};

/// The times at which data are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// At intervals, and at a flush.
    Timed,
    /// At a flush, which follows each invocation of a function. Between invocations the process is
    /// frozen.
    AfterInvocations,
}

/// The connection of one signal to its collector.
pub(crate) struct Link {
    pub(crate) signal: Signal,
    pub(crate) target: Target,
    pub(crate) transport: Arc<Transport>,
    pub(crate) state: Arc<State>,
}

impl Link {
    fn rounds(&self) -> &Rounds {
        match self.signal {
            Signal::Traces => &self.state.span_rounds,
            Signal::Metrics => &self.state.metric_rounds,
        }
    }

    /// Sends a message, and logs why the collector did not accept it.
    async fn send(&self, message: Bytes) -> Outcome {
        self.rounds().set_in_flight(Some(Instant::now()));
        let outcome = self.transport.send(&self.target, message).await;

        self.rounds().set_in_flight(None);
        if let Outcome::Refused(reason) | Outcome::Retryable { reason, .. } = &outcome {
            let failure = Failure {
                signal: self.signal,
                collector: self.target.address(),
                cause: reason.name(),
            };
            self.state.log_failure(&failure, Instant::now());
        }
        outcome
    }
}
