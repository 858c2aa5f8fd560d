//! Passes the body of an invocation to the handler as it was received.
//!
//! `lambda_runtime` parses each event, and only the parsed value reaches the handler. The
//! authorizer parses the event itself, and the text would be scanned twice.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tower_layer::Layer;
use tower_service::Service;

/// The JSON that the runtime parses instead of the event, as a value of the type `()`.
const NO_EVENT: &[u8] = b"null";

/// The body of the invocation that begins. It is not shared between threads.
///
/// The layer sets it, and the handler takes it during the same call of the service. No other
/// invocation can begin in between.
#[derive(Clone, Default)]
pub struct InvocationBody(Rc<Cell<Bytes>>);

impl InvocationBody {
    /// Takes the body, after which it is empty.
    #[must_use]
    pub fn take(&self) -> Bytes {
        self.0.take()
    }
}

/// Omits the body, which contains credentials.
impl fmt::Debug for InvocationBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InvocationBody")
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for InvocationBody {
    type Service = BodyService<S>;

    fn layer(&self, inner: S) -> BodyService<S> {
        let body = self.clone();
        BodyService { inner, body }
    }
}

/// The service of the layer [`InvocationBody`].
#[derive(Clone, Debug)]
pub struct BodyService<S> {
    inner: S,
    body: InvocationBody,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for BodyService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> S::Future {
        let no_event = Bytes::from_static(NO_EVENT);
        let body = std::mem::replace(&mut invocation.body, no_event);
        self.body.0.set(body);
        self.inner.call(invocation)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use lambda_runtime::service_fn;

    use super::*;

    fn invocation(body: &'static str) -> LambdaInvocation {
        let (parts, ()) = http::Response::new(()).into_parts();
        LambdaInvocation {
            parts,
            body: Bytes::from_static(body.as_bytes()),
            context: lambda_runtime::Context::default(),
        }
    }

    #[tokio::test]
    async fn each_handler_takes_the_body_of_its_own_invocation() {
        let body = InvocationBody::default();
        let handler = service_fn(|invocation: LambdaInvocation| {
            let taken = (body.take(), body.take(), invocation.body);
            async move { Ok::<_, Infallible>(taken) }
        });
        let mut service = body.layer(handler);

        // The second invocation begins before the first one has ended.
        let (first, second) = (
            service.call(invocation(r#"{"a":1}"#)),
            service.call(invocation(r#"{"b":2}"#)),
        );

        for (taken, expected) in [(second, r#"{"b":2}"#), (first, r#"{"a":1}"#)] {
            let (body, rest, parsed) = taken.await.unwrap();
            assert_eq!(
                (&*body, &*rest, &*parsed),
                (expected.as_bytes(), &b""[..], NO_EVENT)
            );
        }
    }

    #[test]
    fn debug_output_has_no_body() {
        let body = InvocationBody::default();
        body.0.set(Bytes::from_static(b"secret"));

        assert_eq!(format!("{body:?}"), "InvocationBody { .. }");
    }
}
