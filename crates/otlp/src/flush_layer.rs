//! The flush between two invocations of a Lambda function.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use tower_layer::Layer;
use tower_service::Service;

use crate::Otlp;

/// The time for which the next invocation may be delayed.
const MAX_FLUSH_TIME: Duration = Duration::from_millis(100);

/// A layer of `lambda_runtime::Runtime` that flushes after the response was posted and before the
/// next event is polled. Without an export it only forwards.
#[derive(Debug, Clone)]
pub struct FlushLayer(Option<Otlp>);

impl FlushLayer {
    /// Returns a layer that flushes `otlp`.
    #[must_use]
    pub const fn new(otlp: Option<Otlp>) -> Self {
        Self(otlp)
    }
}

impl<S> Layer<S> for FlushLayer {
    type Service = FlushService<S>;

    fn layer(&self, inner: S) -> FlushService<S> {
        FlushService {
            inner,
            otlp: self.0.clone(),
        }
    }
}

/// The service of a [`FlushLayer`].
#[derive(Debug, Clone)]
pub struct FlushService<S> {
    inner: S,
    otlp: Option<Otlp>,
}

type Flushing<R, E> = Pin<Box<dyn Future<Output = Result<R, E>>>>;

impl<S, I> Service<I> for FlushService<S>
where
    S: Service<I>,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Flushing<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: I) -> Self::Future {
        let handled = self.inner.call(invocation);
        let Some(otlp) = self.otlp.clone() else {
            return Either::Left(handled);
        };

        Either::Right(Box::pin(async move {
            let result = handled.await;
            otlp.flush_due(MAX_FLUSH_TIME).await;
            result
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use telemetry::SpanKind;
    use testing::{HttpReply, HttpServer, wait_until};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::exporter::Rhythm;
    use crate::{Service as Program, Settings};

    /// A handler that ends one span per invocation.
    struct Handler(Option<Otlp>);

    impl Service<()> for Handler {
        type Response = ();
        type Error = Infallible;
        type Future = std::future::Ready<Result<(), Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            if let Some(otlp) = &self.0 {
                otlp.tracer()
                    .begin(SpanKind::Server, "a".into(), None)
                    .end();
            }
            std::future::ready(Ok(()))
        }
    }

    fn otlp(url: &str) -> Otlp {
        let lookup = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(url.to_owned()),
            _ => None,
        };
        let program = Program {
            name: "test",
            version: "1",
        };
        let settings = Settings::from_lookup(lookup, program).unwrap().unwrap();
        Otlp::with_rhythm(settings, Rhythm::AfterInvocations)
    }

    fn requests(server: &HttpServer, path: &str) -> usize {
        let requests = server.requests();
        requests.iter().filter(|it| it.target == path).count()
    }

    #[tokio::test]
    async fn spans_are_sent_after_each_invocation_and_metrics_once_a_minute() {
        let server = HttpServer::responding(|_| HttpReply::text(200, "text/plain", ""));
        let otlp = otlp(&server.url());
        let layer = FlushLayer::new(Some(otlp.clone()));
        let mut service = layer.layer(Handler(Some(otlp.clone())));

        for invocations in 1..=3 {
            service.call(()).await.unwrap();

            // On a busy machine, the export may end after the flush. Until then, the next flush
            // would do nothing.
            let has_arrived = || requests(&server, "/v1/traces") >= invocations;
            wait_until(|| has_arrived() && otlp.0.state.is_empty()).await;
            assert_eq!(requests(&server, "/v1/traces"), invocations);
        }
        wait_until(|| requests(&server, "/v1/metrics") >= 1).await;
        assert_eq!(requests(&server, "/v1/metrics"), 1);
    }

    #[tokio::test]
    async fn silent_collector_delays_one_invocation_by_100_ms() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let otlp = otlp(&format!("http://{}", listener.local_addr().unwrap()));
        let mut service = FlushLayer::new(Some(otlp.clone())).layer(Handler(Some(otlp)));
        let began = Instant::now();

        for _ in 0..20 {
            service.call(()).await.unwrap();
        }

        let duration = began.elapsed();
        assert!(duration >= MAX_FLUSH_TIME, "{duration:?}");
        // A delay of each invocation would take 2 s in all.
        assert!(duration < 15 * MAX_FLUSH_TIME, "{duration:?}");
    }

    #[tokio::test]
    async fn absent_collector_delays_no_invocation() {
        let otlp = otlp("http://127.0.0.1:1");
        let mut service = FlushLayer::new(Some(otlp.clone())).layer(Handler(Some(otlp)));
        let began = Instant::now();

        for _ in 0..20 {
            service.call(()).await.unwrap();
        }

        let duration = began.elapsed();
        // A delay of each invocation would take 2 s in all.
        assert!(duration < 15 * MAX_FLUSH_TIME, "{duration:?}");
    }

    #[tokio::test]
    async fn layer_without_an_export_only_forwards() {
        let mut service = FlushLayer::new(None).layer(Handler(None));

        let called = service.call(());

        assert!(matches!(called, Either::Left(_)));
        called.await.unwrap();
    }
}
