//! Metrics: those that follow from spans, those that the program hands over, and their messages.

mod baseline;
mod encode;
mod series_table;
mod snapshot;
mod span_metrics;

pub(crate) use baseline::Baseline;
pub(crate) use encode::Encoder;
pub use snapshot::{Instrument, Snapshot};
pub(crate) use span_metrics::{EndedSpan, SpanMetrics};
