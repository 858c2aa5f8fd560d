//! Metrics of the export itself, by OpenTelemetry's semantic conventions for SDKs.

use opentelemetry_semantic_conventions::{attribute, metric};
use telemetry::{Attribute, AttributeValue};

use crate::losses::{Counts, Reason};
use crate::metrics::{Instrument, Snapshot};
use crate::settings::Signal;
use crate::state::State;

const COMPONENT_TYPE: &str = "otel.component.type";

/// Adds the counts of spans that were queued, exported and dropped, and the length of the queue.
pub(super) fn add_to(snapshot: &mut Snapshot, state: &State) {
    let counts = state.losses.counts();
    add_processed(snapshot, &counts);
    add_exported(snapshot, &counts);
    let queue = i64::try_from(state.queue.len()).unwrap_or(i64::MAX);
    snapshot.up_down_counter(
        Instrument::new(
            metric::OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
            "{span}",
            "Spans that wait for their export",
        ),
        [(component("batching_span_processor"), queue)],
    );
}

fn add_processed(snapshot: &mut Snapshot, counts: &Counts) {
    let component = || component("batching_span_processor");
    let mut points = vec![(component(), counts.queued)];
    if let Some(dropped) = counts.dropped.get(&(Signal::Traces, Reason::QueueFull)) {
        points.push((with_error(component(), Reason::QueueFull), *dropped));
    }

    snapshot.counter(
        Instrument::new(
            metric::OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
            "{span}",
            "Spans that were queued for export, or dropped with an error type",
        ),
        points,
    );
}

fn add_exported(snapshot: &mut Snapshot, counts: &Counts) {
    let component = || component("otlp_http_span_exporter");
    let failed = counts
        .dropped
        .iter()
        .filter(|((signal, reason), _)| *signal == Signal::Traces && *reason != Reason::QueueFull);
    let failed = failed.map(|((_, reason), count)| (with_error(component(), *reason), *count));

    snapshot.counter(
        Instrument::new(
            metric::OTEL_SDK_EXPORTER_SPAN_EXPORTED,
            "{span}",
            "Spans that the collector accepted, or that were dropped with an error type",
        ),
        std::iter::once((component(), counts.exported)).chain(failed),
    );
}

fn component(kind: &'static str) -> Vec<Attribute> {
    vec![(COMPONENT_TYPE.into(), AttributeValue::from(kind))]
}

fn with_error(mut attributes: Vec<Attribute>, reason: Reason) -> Vec<Attribute> {
    attributes.push((attribute::ERROR_TYPE.into(), reason.name().into()));
    attributes
}
