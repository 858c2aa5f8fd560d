//! Spans of traces. Without an installed [`Tracer`], a span costs one branch and records nothing.

mod attribute;
mod tracer;

use std::borrow::Cow;
use std::sync::PoisonError;
use std::{fmt, thread};

pub use attribute::{Attribute, AttributeValue};
pub use tracer::{RecordedSpan, SpanKind, Tracer, install_tracer, is_traced, propagates};

use crate::request_scope::current_span;
use crate::trace_context::TraceParent;

/// An operation in progress. It ends when it is dropped.
///
/// A span records nothing if no tracer is installed. It also measures if the trace is not sampled,
/// because metrics do not depend on the sampling.
#[must_use = "a span ends when it is dropped"]
pub struct Span(Option<Box<dyn RecordedSpan>>);

impl Span {
    /// Returns a span that records nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Begins a span as a child of `parent`, or as the root of a new trace.
    ///
    /// `name` and the names of attributes have few different values. They never contain a secret or
    /// a query string.
    pub fn begin(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: Option<&TraceParent>,
    ) -> Self {
        Self(tracer::installed().map(|tracer| tracer.begin(kind, name.into(), parent)))
    }

    /// True if no tracer is installed, so that attributes need not be computed.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the trace context of the span itself, for its children and for outgoing calls.
    /// `None` if no tracer is installed, or if it only measures.
    #[must_use]
    pub fn context(&self) -> Option<&TraceParent> {
        self.0.as_ref().and_then(|span| span.context())
    }

    /// Sets an attribute, and replaces an earlier value.
    pub fn set(&mut self, name: &'static str, value: impl Into<AttributeValue>) {
        if let Some(span) = &mut self.0 {
            span.set(name, value.into());
        }
    }

    /// Changes the name, if the final one is only known later.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.rename(name.into());
        }
    }

    /// Marks the operation as failed and sets the attribute `error.type`.
    pub fn fail(&mut self, error_type: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.fail(error_type.into());
        }
    }

    /// Ends the span now. Further calls do nothing.
    pub fn end(&mut self) {
        if let Some(mut span) = self.0.take() {
            if thread::panicking() {
                span.fail(Cow::Borrowed("panic"));
            }
            span.end();
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Span {
    /// Omits the attributes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.context() {
            Some(context) => write!(formatter, "Span({context})"),
            None => formatter.write_str("Span(none)"),
        }
    }
}

/// Changes the span of the current request, which [`RequestScope::serve`] began. Does nothing if no
/// tracer is installed, or outside of a request.
///
/// [`RequestScope::serve`]: crate::RequestScope::serve
pub fn on_current_span(change: impl FnOnce(&mut Span)) {
    if !is_traced() {
        return;
    }

    if let Some(span) = current_span() {
        change(&mut span.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
