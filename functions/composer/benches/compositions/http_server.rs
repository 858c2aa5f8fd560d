//! A minimal HTTP server on one thread.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves requests on a port of loopback until the process ends.
pub(crate) async fn serve<F>(port: u16, respond: impl Fn(Request<Incoming>) -> F + Clone + 'static)
where
    F: Future<Output = Response<Full<Bytes>>> + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    tokio::task::LocalSet::new()
        .run_until(accept(listener, respond))
        .await;
}

async fn accept<F>(
    listener: TcpListener,
    respond: impl Fn(Request<Incoming>) -> F + Clone + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + 'static,
{
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();

        let respond = respond.clone();
        let service = service_fn(move |request| {
            let response = respond(request);
            async { Ok::<_, Infallible>(response.await) }
        });
        tokio::task::spawn_local(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
