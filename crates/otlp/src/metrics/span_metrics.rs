//! Metrics that follow from ended spans, by OpenTelemetry's semantic conventions.
//!
//! They count every span, also of traces that are not recorded. Their exemplars are recorded
//! traces.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_semantic_conventions::{attribute, metric};
use telemetry::{Attribute, AttributeValue, Histogram, SpanKind, TraceParent};

use super::series_table::SeriesTable;
use super::snapshot::{Instrument, Snapshot};

const HTTP: [&str; 5] = [
    attribute::HTTP_REQUEST_METHOD,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::HTTP_RESPONSE_STATUS_CODE,
    attribute::ERROR_TYPE,
];
const DATABASE: [&str; 5] = [
    attribute::DB_SYSTEM_NAME,
    attribute::DB_OPERATION_NAME,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::ERROR_TYPE,
];
const RPC: [&str; 5] = [
    attribute::RPC_SYSTEM_NAME,
    attribute::RPC_METHOD,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::ERROR_TYPE,
];
const DECISION: [&str; 3] = ["tollgate.plan", "tollgate.decision", "tollgate.reason"];
const REFUSAL: [&str; 1] = ["tollgate.reason"];

/// A span that has just ended.
pub(crate) struct EndedSpan<'s> {
    pub(crate) kind: SpanKind,
    pub(crate) attributes: &'s [(&'static str, AttributeValue)],
    pub(crate) duration: Duration,
    /// The trace context, if spans are exported.
    pub(crate) context: Option<&'s TraceParent>,
}

impl EndedSpan<'_> {
    fn get(&self, name: &str) -> Option<&AttributeValue> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(set, _)| *set == name)
            .map(|(_, value)| value)
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns the attributes with these names that the span has.
    fn select(&self, names: &[&'static str]) -> Vec<Attribute> {
        names
            .iter()
            .filter_map(|name| Some(((*name).into(), self.get(name)?.clone())))
            .collect()
    }
}

/// The series since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct SpanMetrics(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    http: SeriesTable<Histogram>,
    database: SeriesTable<Histogram>,
    rpc: SeriesTable<Histogram>,
    invocations: SeriesTable<Histogram>,
    errors: SeriesTable<u64>,
    cold_starts: SeriesTable<u64>,
    decisions: SeriesTable<u64>,
    refusals: SeriesTable<u64>,
}

impl SpanMetrics {
    /// Adds a span to the metrics that its attributes belong to.
    pub(crate) fn record(&self, span: &EndedSpan<'_>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);

        if span.kind == SpanKind::Client {
            tables.record_call(span);
        }
        if span.has(attribute::FAAS_TRIGGER) {
            tables.record_invocation(span);
        }
    }

    /// Adds all series to a snapshot.
    pub(crate) fn add_to(&self, snapshot: &mut Snapshot) {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);

        tables.add_durations_to(snapshot);
        tables.add_counts_to(snapshot);
    }
}

impl Tables {
    fn record_call(&mut self, span: &EndedSpan<'_>) {
        let (table, names) = if span.has(attribute::DB_SYSTEM_NAME) {
            (&mut self.database, &DATABASE)
        } else if span.has(attribute::RPC_SYSTEM_NAME) {
            (&mut self.rpc, &RPC)
        } else if span.has(attribute::HTTP_REQUEST_METHOD) {
            (&mut self.http, &HTTP)
        } else {
            return;
        };

        record_duration(table.entry(span.select(names)), span);
    }

    fn record_invocation(&mut self, span: &EndedSpan<'_>) {
        // The local gateway counts decisions itself, for Prometheus too.
        if span.has("tollgate.decision") {
            *self.decisions.entry(span.select(&DECISION)) += 1;
        } else if span.has("tollgate.reason") {
            *self.refusals.entry(span.select(&REFUSAL)) += 1;
        }

        let trigger = span.select(&[attribute::FAAS_TRIGGER]);
        record_duration(self.invocations.entry(trigger.clone()), span);

        if span.get(attribute::FAAS_COLDSTART) == Some(&AttributeValue::Flag(true)) {
            *self.cold_starts.entry(trigger) += 1;
        }
        if span.has(attribute::ERROR_TYPE) {
            let names = [attribute::FAAS_TRIGGER, attribute::ERROR_TYPE];
            *self.errors.entry(span.select(&names)) += 1;
        }
    }

    fn add_durations_to(&self, snapshot: &mut Snapshot) {
        let durations = [
            (
                metric::HTTP_CLIENT_REQUEST_DURATION,
                "Duration of HTTP client requests",
                &self.http,
            ),
            (
                metric::DB_CLIENT_OPERATION_DURATION,
                "Duration of database client operations",
                &self.database,
            ),
            (
                metric::RPC_CLIENT_CALL_DURATION,
                "Duration of calls of other AWS services",
                &self.rpc,
            ),
            (
                metric::FAAS_INVOKE_DURATION,
                "Duration of the function's invocations",
                &self.invocations,
            ),
        ];

        for (name, description, table) in durations {
            snapshot.histogram(Instrument::new(name, "s", description), table.points());
        }
    }

    fn add_counts_to(&self, snapshot: &mut Snapshot) {
        let counts = [
            (
                Instrument::new(
                    metric::FAAS_ERRORS,
                    "{error}",
                    "Invocations that ended in an error",
                ),
                &self.errors,
            ),
            (
                Instrument::new(metric::FAAS_COLDSTARTS, "{coldstart}", "Cold starts"),
                &self.cold_starts,
            ),
            (
                Instrument::new(
                    "tollgate.decisions",
                    "{decision}",
                    "Decisions about the limits of a plan, by plan and reason",
                ),
                &self.decisions,
            ),
            (
                Instrument::new(
                    "tollgate.refusals",
                    "{request}",
                    "Requests that the authorizer refused before a decision, by reason",
                ),
                &self.refusals,
            ),
        ];

        for (instrument, table) in counts {
            snapshot.counter(instrument, table.points());
        }
    }
}

fn record_duration(histogram: &mut Histogram, span: &EndedSpan<'_>) {
    let recorded = span.context.filter(|context| context.is_sampled());
    let exemplar = recorded.map(|context| (context.trace_id(), context.parent_id()));

    histogram.record(span.duration, exemplar);
}
