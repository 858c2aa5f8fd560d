//! A backend of the test's own: it remembers what reached it and answers as it is told.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request's head as it reached the backend.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers.
    pub headers: http::HeaderMap,
}

/// A running backend.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Backend {
    /// Answers every request with `answer`.
    pub async fn start<F, B>(
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (answer.clone(), Arc::clone(&remembered));
                let service = service_fn(move |request: Request<Incoming>| {
                    remember(&seen, &request);
                    let answered = answer(request);
                    async move {
                        Ok::<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible>(
                            answered.await.map(BodyExt::boxed_unsync),
                        )
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, seen }
    }

    /// Answers every request with 200 and nothing.
    pub async fn empty() -> Self {
        Self::start(|_| async { Response::new(http_body_util::Empty::new()) }).await
    }

    /// Every request that reached it.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("what was seen").clone()
    }
}

fn remember(seen: &Mutex<Vec<Seen>>, request: &Request<Incoming>) {
    let target = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    seen.lock().expect("what was seen").push(Seen {
        method: request.method().clone(),
        target,
        headers: request.headers().clone(),
    });
}
