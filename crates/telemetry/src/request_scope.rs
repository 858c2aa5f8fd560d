//! The current request, whose ids appear in log lines, call records and outgoing HTTP calls.

use std::future::Future;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::invocation::Invocation;
use crate::span::{Span, is_traced, propagates};
use crate::trace_context::{RequestId, TRACEPARENT, TRACESTATE, TraceParent, X_REQUEST_ID};

tokio::task_local! {
    static CURRENT: Current;
    static PARENT: TraceParent;
}

/// The request that a task serves.
struct Current {
    ids: RequestScope,
    /// The span of the request. `None` if no tracer is installed.
    span: Option<Arc<Mutex<Span>>>,
}

/// The ids of the current request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestScope {
    /// The `x-request-id` header.
    pub request_id: Option<RequestId>,
    /// The `traceparent` header.
    pub traceparent: Option<TraceParent>,
}

impl RequestScope {
    /// Reads the ids of a request. `header` looks up a header by its lower-case name.
    ///
    /// `own_id` is the request id of API Gateway or Lambda. It is used if the client sent no valid
    /// id.
    #[must_use]
    pub fn from_headers<'a>(
        header: impl Fn(&str) -> Option<&'a str>,
        own_id: Option<&str>,
    ) -> Self {
        let client_id = header(X_REQUEST_ID).and_then(RequestId::parse);

        Self {
            request_id: client_id.or_else(|| own_id.and_then(RequestId::parse)),
            traceparent: header(TRACEPARENT)
                .and_then(TraceParent::parse)
                .map(|parent| parent.with_state(header(TRACESTATE))),
        }
    }

    /// Runs `work` with these ids: every log line has them in `span`, and so does every call record.
    /// A task that `work` spawns needs its own scope; see [`Self::carry_into`].
    ///
    /// If a tracer is installed, `work` is a span named `name`, whose trace context replaces
    /// `traceparent`. In an [`Invocation`] it is the span of the invocation.
    pub async fn serve<T>(mut self, name: &'static str, work: impl Future<Output = T>) -> T {
        let span = self.begin_span(name);

        self.enter(span, work).await
    }

    /// Runs `work`, in another task of the same request, with these ids.
    pub async fn carry_into<T>(self, work: impl Future<Output = T>) -> T {
        self.enter(None, work).await
    }

    fn enter<F: Future>(
        self,
        span: Option<Arc<Mutex<Span>>>,
        work: F,
    ) -> impl Future<Output = F::Output> {
        // Log lines read the ids from here. A span of `tracing` would be allocated, formatted and
        // entered for each request, and most requests write no line.
        CURRENT.scope(Current { ids: self, span }, work)
    }

    fn begin_span(&mut self, name: &'static str) -> Option<Arc<Mutex<Span>>> {
        if !is_traced() {
            return None;
        }

        let invocation = Invocation::current();
        let inner = PARENT.try_with(Clone::clone).ok();
        let parent = inner.or_else(|| self.traceparent.clone().filter(|_| propagates()));
        let mut span = Span::begin(invocation.span_kind(), name, parent.as_ref());
        invocation.describe(&mut span);
        if let Some(id) = &self.request_id {
            span.set("tollgate.request_id", id.as_str().to_owned());
        }

        if let Some(context) = span.context() {
            self.traceparent = Some(context.clone());
        }
        Some(Arc::new(Mutex::new(span)))
    }

    /// Returns the ids of the current request. Outside of a request they are empty.
    #[must_use]
    pub fn current() -> Self {
        CURRENT
            .try_with(|current| current.ids.clone())
            .unwrap_or_default()
    }

    /// Returns the trace id of the current request, if it has one.
    #[must_use]
    pub fn current_trace_id() -> Option<String> {
        with_current_ids(|ids| Some(ids.traceparent.as_ref()?.trace_id().to_owned())).flatten()
    }

    /// Returns these ids with the trace context of a span, for what happens within it. They are
    /// unchanged if no tracer is installed.
    #[must_use]
    pub fn within(mut self, span: &Span) -> Self {
        if let Some(context) = span.context() {
            self.traceparent = Some(context.clone());
        }
        self
    }

    /// Sets the ids on an outgoing call and replaces existing ones. The trace context is left out
    /// if the installed tracer does not propagate it.
    pub fn put_on(&self, headers: &mut HeaderMap) {
        let id = self.request_id.as_ref().map(|id| id.as_str().to_owned());
        let is_passed_on = !is_traced() || propagates();
        let parent = self.traceparent.as_ref().filter(|_| is_passed_on);
        let parent = parent.map(ToString::to_string);

        for (name, value) in [(X_REQUEST_ID, id), (TRACEPARENT, parent)] {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// Runs `work` below a span of the same process: the request that it serves is a child of `parent`,
/// whether or not trace contexts are read from headers.
pub async fn below<T>(parent: Option<TraceParent>, work: impl Future<Output = T>) -> T {
    match parent {
        Some(parent) => PARENT.scope(parent, work).await,
        None => work.await,
    }
}

/// Passes the ids of the current request to `read`. `None` outside of a request.
pub(crate) fn with_current_ids<T>(read: impl FnOnce(&RequestScope) -> T) -> Option<T> {
    CURRENT.try_with(|current| read(&current.ids)).ok()
}

/// Returns the span of the current request, if there is one.
pub(crate) fn current_span() -> Option<Arc<Mutex<Span>>> {
    CURRENT
        .try_with(|current| current.span.clone())
        .ok()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn scope(id: &str, parent: &str) -> RequestScope {
        RequestScope {
            request_id: RequestId::parse(id),
            traceparent: TraceParent::parse(parent),
        }
    }

    #[tokio::test]
    async fn log_lines_of_a_request_have_its_ids() {
        let log = TestLog::default();
        let _guard = log.subscribe();

        let work = async {
            tracing::info!("first");
            tokio::task::yield_now().await;
            tracing::info!("second");
        };
        scope("req-1", PARENT).serve("test", work).await;
        tracing::info!("afterwards");

        let lines = log.json_lines();
        for line in &lines[..2] {
            assert_eq!(line["span"]["request_id"], "req-1", "{line}");
            assert_eq!(line["span"]["trace_id"], TRACE_ID, "{line}");
        }
        assert!(lines[2].get("span").is_none(), "{}", lines[2]);
    }

    #[tokio::test]
    async fn concurrent_requests_keep_their_own_ids() {
        let serve = |id: &'static str| {
            scope(id, PARENT).serve("test", async move {
                tokio::task::yield_now().await;
                RequestScope::current().request_id
            })
        };

        let ids = tokio::join!(serve("one"), serve("two"));

        assert_eq!(ids, (RequestId::parse("one"), RequestId::parse("two")));
        assert_eq!(RequestScope::current(), RequestScope::default());
    }

    #[test]
    fn invalid_client_id_is_replaced_by_our_own() {
        let request_id = |client_id: &'static str| {
            let header = |name: &str| (name == X_REQUEST_ID).then_some(client_id);
            let scope = RequestScope::from_headers(header, Some("gateway"));
            scope.request_id.unwrap()
        };

        assert_eq!(request_id("mine").as_str(), "mine");
        assert_eq!(request_id("two words").as_str(), "gateway");
    }

    #[test]
    fn outgoing_call_carries_only_our_ids() {
        let forged = (
            HeaderName::from_static("x-request-id"),
            HeaderValue::from_static("forged"),
        );
        let mut headers = HeaderMap::from_iter([forged]);

        scope("req-1", PARENT).put_on(&mut headers);

        assert_eq!(headers["x-request-id"], "req-1");
        assert_eq!(headers["traceparent"], PARENT);
        assert_eq!(headers.len(), 2);
    }
}
