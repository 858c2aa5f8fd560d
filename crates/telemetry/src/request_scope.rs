//! The request that is being served. Its ids are added to every log line, and to calls of services
//! other than AWS.

use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument;

use crate::trace_context::{RequestId, TRACEPARENT, TraceParent, X_REQUEST_ID};

tokio::task_local! {
    static CURRENT: RequestScope;
}

/// What identifies the request that is being served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestScope {
    /// `x-request-id`.
    pub request_id: Option<RequestId>,
    /// `traceparent`.
    pub traceparent: Option<TraceParent>,
}

impl RequestScope {
    /// Reads a request's headers through `header`, which looks one up by its lower-case name.
    /// `own_id` (API Gateway's or Lambda's request id) is used if the client sent no usable id.
    #[must_use]
    pub fn from_headers<'a>(
        header: impl Fn(&str) -> Option<&'a str>,
        own_id: Option<&str>,
    ) -> Self {
        let sent = header(X_REQUEST_ID).and_then(RequestId::parse);
        Self {
            request_id: sent.or_else(|| own_id.and_then(RequestId::parse)),
            traceparent: header(TRACEPARENT).and_then(TraceParent::parse),
        }
    }

    /// Serves the request: within `work`, every log line has `request_id` and `trace_id` (span
    /// `request`), and so has every call record. A task spawned in it needs a scope of its own.
    pub async fn serve<T>(self, work: impl Future<Output = T>) -> T {
        // All at once: what is recorded later has some logs write the span's fields anew.
        let request_id = self.request_id.as_ref().map(RequestId::as_str);
        let trace_id = self.traceparent.as_ref().map(TraceParent::trace_id);
        let span = tracing::error_span!("request", request_id, trace_id);
        CURRENT.scope(self, work.instrument(span)).await
    }

    /// The request that is being served; empty outside of one.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Puts the ids on an outgoing call, in place of whatever stands there.
    pub fn put_on(&self, headers: &mut HeaderMap) {
        let id = self.request_id.as_ref().map(|id| id.as_str().to_owned());
        let parent = self.traceparent.as_ref().map(ToString::to_string);
        for (name, value) in [(X_REQUEST_ID, id), (TRACEPARENT, parent)] {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn scope(id: &str, parent: &str) -> RequestScope {
        RequestScope {
            request_id: RequestId::parse(id),
            traceparent: TraceParent::parse(parent),
        }
    }

    #[tokio::test]
    async fn every_log_line_of_a_request_has_its_ids() {
        let log = TestLog::default();
        let _guard = log.subscribe();
        scope("req-1", PARENT)
            .serve(async {
                tracing::info!("first");
                tokio::task::yield_now().await;
                tracing::info!("second");
            })
            .await;
        tracing::info!("afterwards");
        let lines = log.json_lines();
        for line in &lines[..2] {
            assert_eq!(line["span"]["request_id"], "req-1", "{line}");
            assert_eq!(
                line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736",
                "{line}"
            );
        }
        assert!(lines[2].get("span").is_none(), "{}", lines[2]);
    }

    #[tokio::test]
    async fn two_requests_at_once_keep_their_own_ids() {
        let serve = |id: &'static str| {
            scope(id, PARENT).serve(async move {
                tokio::task::yield_now().await;
                RequestScope::current().request_id
            })
        };
        let (one, two) = tokio::join!(serve("one"), serve("two"));
        assert_eq!(
            (one, two),
            (RequestId::parse("one"), RequestId::parse("two"))
        );
        assert_eq!(RequestScope::current(), RequestScope::default());
    }

    #[test]
    fn the_clients_id_is_used_if_it_is_one_and_the_gateways_otherwise() {
        let sent = |value: &'static str| move |name: &str| (name == X_REQUEST_ID).then_some(value);
        let id = |value| {
            RequestScope::from_headers(sent(value), Some("gateway"))
                .request_id
                .unwrap()
        };
        assert_eq!(id("mine").as_str(), "mine");
        assert_eq!(id("two words").as_str(), "gateway");
    }

    #[test]
    fn an_outgoing_call_carries_the_ids_of_the_request_and_no_others() {
        let mut headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-request-id"),
            HeaderValue::from_static("forged"),
        )]);
        scope("req-1", PARENT).put_on(&mut headers);
        assert_eq!(headers["x-request-id"], "req-1");
        assert_eq!(headers["traceparent"], PARENT);
        assert_eq!(headers.len(), 2);
    }
}
