//! The current invocation of a Lambda function.

use std::future::Future;

use crate::span::{AttributeValue, Span, SpanKind, is_traced};

tokio::task_local! {
    static CURRENT: Option<Invocation>;
}

/// The kind of event that invokes a function, as `faas.trigger` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A request of an HTTP client.
    Http,
    /// A schedule.
    Timer,
    /// Messages of a queue or a log subscription.
    PubSub,
}

impl Trigger {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Timer => "timer",
            Self::PubSub => "pubsub",
        }
    }

    const fn span_kind(self) -> SpanKind {
        match self {
            Self::Http | Self::Timer => SpanKind::Server,
            Self::PubSub => SpanKind::Consumer,
        }
    }
}

/// An invocation, whose facts are attributes of the span of its request. It is empty if no tracer
/// is installed.
#[derive(Debug, Clone, Default)]
pub struct Invocation(Option<Facts>);

#[derive(Debug, Clone)]
struct Facts {
    id: String,
    trigger: Trigger,
    is_cold_start: bool,
}

impl Invocation {
    /// Returns the invocation with this request id. The first one of the process is a cold start.
    #[must_use]
    pub fn new(id: &str, trigger: Trigger) -> Self {
        Self(is_traced().then(|| Facts {
            id: id.to_owned(),
            trigger,
            is_cold_start: cold_start::take(),
        }))
    }

    /// Runs `work` as a part of this invocation.
    pub fn run<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.0.map(|facts| Self(Some(facts))), work)
    }

    /// Returns the current invocation. It is empty outside of one, as in the local gateway.
    #[must_use]
    pub fn current() -> Self {
        CURRENT
            .try_with(Clone::clone)
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Returns the kind of the span of the invocation's request.
    pub(crate) fn span_kind(&self) -> SpanKind {
        match &self.0 {
            Some(facts) => facts.trigger.span_kind(),
            None => SpanKind::Internal,
        }
    }

    /// Sets the attributes of the invocation.
    pub(crate) fn describe(self, span: &mut Span) {
        if let Some(facts) = self.0 {
            span.set("faas.trigger", facts.trigger.as_str());
            span.set("faas.invocation_id", facts.id);
            span.set("faas.coldstart", AttributeValue::Flag(facts.is_cold_start));
        }
    }
}

mod cold_start {
    use std::sync::atomic::{AtomicBool, Ordering};

    static IS_NEXT: AtomicBool = AtomicBool::new(true);

    /// True for the first call in the process.
    pub(super) fn take() -> bool {
        IS_NEXT.swap(false, Ordering::Relaxed)
    }
}
