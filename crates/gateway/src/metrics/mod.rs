//! The metrics since startup: of requests, of calls to other services, and of the process.
//!
//! Requests are counted from their [`Exchange`], with exact durations. Calls and the gauges of
//! alb-sync are read from the lines of the record log.

mod calls;
mod compositions;
mod context;
mod definition;
mod exposition;
mod gauges;
mod labels;
mod live;
mod negotiation;
mod otlp;
mod process;
mod quantile;
mod refusal;
mod series;
mod snapshot;
mod table;
mod traffic;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ::otlp::{Otlp, Snapshot};
use calls::{Call, Calls};
use composer::Reply;
use compositions::Compositions;
pub use definition::{Definition, Kind};
pub use exposition::Format;
use gauges::{Gauges, GroupGauges};
use live::Live;
pub use series::LabelValues;
pub use snapshot::{FamilySnapshot, Value};
use traffic::Traffic;

use crate::api::Exchange;

/// The metrics of requests and calls, the gauges that functions log, and the state of the process.
#[derive(Debug, Default)]
pub struct LocalMetrics {
    state: Mutex<State>,
    live: Arc<Live>,
    /// The export over OTLP, if it is on.
    export: OnceLock<Otlp>,
}

#[derive(Debug, Default)]
struct State {
    traffic: Traffic,
    calls: Calls,
    compositions: Compositions,
    gauges: Gauges,
    rejected_records: u64,
}

impl LocalMetrics {
    /// Counts a request to the API that has ended.
    pub fn count(&self, exchange: &Exchange) {
        self.lock().traffic.count(exchange);
    }

    /// Counts a line of the record log: a call record, or gauges.
    fn count_record(&self, line: &str) {
        if let Some(gauges) = GroupGauges::read(line) {
            self.lock().gauges.replace(gauges);
        } else if let Some(call) = Call::read(line) {
            self.lock().calls.count(&call);
        } else {
            self.lock().rejected_records += 1;
        }
    }

    /// Counts a response of a composition.
    pub(crate) fn count_composition(&self, route: &str, reply: &Reply) {
        self.lock().compositions.count(route, reply);
    }

    /// Returns the connections and requests that are open.
    pub(crate) const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Adds the metrics to each export of `otlp`, and what it drops to the metrics.
    pub(crate) fn export_over(self: &Arc<Self>, otlp: &Otlp) {
        let metrics = Arc::downgrade(self);
        otlp.add_metrics(move |snapshot| {
            if let Some(metrics) = metrics.upgrade() {
                metrics.add_to(snapshot);
            }
        });

        // The first export is the only one of the process.
        let _ = self.export.set(otlp.clone());
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        otlp::add_to(snapshot, self.families());
    }

    /// Returns a writer that counts each line and passes it on to `writer`.
    pub(crate) fn counting_writer<W: io::Write>(
        self: &Arc<Self>,
        writer: W,
    ) -> impl io::Write + use<W> {
        CountingWriter {
            metrics: Arc::clone(self),
            writer,
        }
    }

    /// Returns all families that have series, ordered by name. Requests wait only while the series
    /// are copied.
    #[must_use]
    pub fn families(&self) -> Vec<FamilySnapshot> {
        let mut families = self.counted();
        families.extend(self.live.families());
        families.extend(process::families());
        families.extend(self.export.get().map(otlp::dropped));

        families.retain(|family| !family.series.is_empty());
        families.sort_by_key(|family| family.definition.name);
        families.into_iter().map(FamilySnapshot::sorted).collect()
    }

    /// Returns a copy of the families that are counted.
    fn counted(&self) -> Vec<FamilySnapshot> {
        let state = self.lock();
        let mut families = state.traffic.copy();
        families.extend(state.calls.copy());
        families.extend(state.compositions.copy());
        families.extend(state.gauges.copy());
        let of_compositions = state.compositions.overflowed();
        let overflowed = state.traffic.overflowed() + state.calls.overflowed() + of_compositions;
        let rejected = state.rejected_records;
        drop(state);

        let overflowed = Value::Count(overflowed as u64);
        families.extend([
            FamilySnapshot::single(&definition::OVERFLOWED_SERIES, [], overflowed),
            FamilySnapshot::single(&definition::REJECTED_RECORDS, [], Value::Count(rejected)),
        ]);
        families
    }

    /// Returns the metrics in a format for Prometheus.
    #[must_use]
    pub fn exposition(&self, format: Format) -> String {
        format.write(&self.families())
    }

    /// Returns the metrics of requests, calls and alb-sync as a table; empty if nothing was
    /// counted.
    #[must_use]
    pub fn table(&self) -> String {
        table::table(self.counted())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record log writes each record with one call, as a whole line.
struct CountingWriter<W> {
    metrics: Arc<LocalMetrics>,
    writer: W,
}

impl<W: io::Write> io::Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        String::from_utf8_lossy(bytes)
            .lines()
            .for_each(|line| self.metrics.count_record(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests;
