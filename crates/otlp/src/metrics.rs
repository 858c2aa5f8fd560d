//! Metrics: those that follow from spans, those that the program hands over, and their messages.

mod encode;
mod series_table;
mod snapshot;
mod span_metrics;

pub(crate) use encode::{Baseline, Encoder};
pub use snapshot::{Instrument, Snapshot};
pub(crate) use span_metrics::{EndedSpan, SpanMetrics};
