//! Accepts connections and serves them.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Proxy;

const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The age at which a connection ends, so that a client that does not read holds it for a bounded time.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(10);
/// The time for the last request of an old connection.
const CLOSE_TIMEOUT: Duration = Duration::from_mins(2);
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Serves requests. Never returns.
pub(super) async fn serve(listener: &TcpListener, proxy: Arc<Proxy>) {
    let permits = Arc::new(Semaphore::new(proxy.limits.connections));
    // Dropping the set ends its tasks.
    let mut connections = JoinSet::new();

    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = serve_connection(stream, Arc::clone(&proxy));
                connections.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            // The process is out of file descriptors, or the client has disconnected.
            Err(_) => sleep(ACCEPT_RETRY_INTERVAL).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, proxy: Arc<Proxy>) {
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(proxy.limits.head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);

    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.respond(request).await.map(Full::new)) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(MAX_CONNECTION_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(CLOSE_TIMEOUT, connection).await;
}
