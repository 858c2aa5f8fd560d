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
