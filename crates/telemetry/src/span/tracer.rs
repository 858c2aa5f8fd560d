//! The tracer of the process, which the crate `otlp` implements.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use super::attribute::AttributeValue;
use crate::trace_context::TraceParent;

static TRACER: OnceLock<Arc<dyn Tracer>> = OnceLock::new();

/// The role of an operation in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A request that the process serves.
    Server,
    /// A call of another service.
    Client,
    /// A message or event that the process consumes.
    Consumer,
    /// A step within the process.
    Internal,
}

/// Begins spans. All calls are quick and never block.
pub trait Tracer: Send + Sync {
    /// Begins a span as a child of `parent`, or as the root of a new trace.
    fn begin(
        &self,
        kind: SpanKind,
        name: Cow<'static, str>,
        parent: Option<&TraceParent>,
    ) -> Box<dyn RecordedSpan>;

    /// True if trace contexts are read from incoming requests and sent with outgoing ones.
    fn propagates(&self) -> bool;
}

/// A span that a tracer began.
pub trait RecordedSpan: Debug + Send + Sync {
    /// Returns the trace context of the span itself. `None` if the tracer only measures, so that
    /// the caller's context stays the current one.
    fn context(&self) -> Option<&TraceParent>;

    /// Sets an attribute, and replaces an earlier value.
    fn set(&mut self, name: &'static str, value: AttributeValue);

    /// Changes the name.
    fn rename(&mut self, name: Cow<'static, str>);

    /// Marks the operation as failed. The first error type is kept.
    fn fail(&mut self, error_type: Cow<'static, str>);

    /// Ends the span. It is called once.
    fn end(&mut self);
}

/// Makes `tracer` the tracer of the process. Returns false if there is one already.
pub fn install_tracer(tracer: Arc<dyn Tracer>) -> bool {
    TRACER.set(tracer).is_ok()
}

/// True if a tracer is installed.
#[must_use]
pub fn is_traced() -> bool {
    TRACER.get().is_some()
}

/// True if a tracer is installed that sends trace contexts with outgoing requests.
#[must_use]
pub fn propagates() -> bool {
    TRACER.get().is_some_and(|tracer| tracer.propagates())
}

pub(super) fn installed() -> Option<&'static dyn Tracer> {
    TRACER.get().map(|tracer| &**tracer)
}
