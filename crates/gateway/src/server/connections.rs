//! Accepts connections and serves them until the gateway stops.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Gateway;
use super::head_scanner::{Heads, next_head};
use super::request::{Connection, respond};
use super::stream::ScannedStream;

/// The most connections at a time. Further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 4096;
/// The timeout for reading a head, against clients that send it byte by byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout for requests in progress at shutdown, a little longer than any integration's.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(35);
/// The most headers of a request. A head of 10,240 bytes, API Gateway's quota, has fewer. Beyond
/// this limit and the next one, hyper responds with an empty 431.
const MAX_HEADERS: usize = 2_600;
const MAX_BUFFER_BYTES: usize = 64 * 1024;
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// The shortest time between two warnings about connections that were not accepted.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves requests until `stop` is ready. Then finishes the requests in progress, for at most 35 s.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut failures = AcceptFailures::default();
    tokio::pin!(stop);

    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, client, permit)) => {
                let connection = Connection {
                    client,
                    local_port: stream.local_addr().map_or(0, |address| address.port()),
                };
                let gateway = Arc::clone(&gateway);
                let open = gateway.metrics.live().open_connection();
                let served = serve_connection(stream, connection, gateway, graceful.watcher());
                tokio::spawn(async move {
                    served.await;
                    drop((permit, open));
                });
            }
            // The process is out of file descriptors, or the client has disconnected. The gateway
            // continues.
            Err(error) => {
                if let Some(failures) = failures.count(Instant::now()) {
                    tracing::warn!(%error, failures, "connections could not be accepted");
                }
                tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
    }

    drop(listener);
    let finished = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
    if finished.is_err() {
        let timeout_s = SHUTDOWN_TIMEOUT.as_secs();
        tracing::warn!(timeout_s, "requests were still in progress at shutdown");
    }
}

/// Waits for a permit, then for a connection.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, Option<OwnedSemaphorePermit>)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    let (stream, client) = listener.accept().await?;
    Ok((stream, client, permit))
}

/// Failures to accept a connection. While file descriptors are exhausted, there are twenty per
/// second.
#[derive(Debug, Default)]
struct AcceptFailures {
    logged_at: Option<Instant>,
    not_logged: u64,
}

impl AcceptFailures {
    /// Counts a failure. Returns the number of failures to log, at most once per interval.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.not_logged += 1;

        let is_due = self
            .logged_at
            .is_none_or(|logged| now.duration_since(logged) >= WARNING_INTERVAL);
        is_due.then(|| {
            self.logged_at = Some(now);
            std::mem::take(&mut self.not_logged)
        })
    }
}

async fn serve_connection(
    stream: TcpStream,
    connection: Connection,
    gateway: Arc<Gateway>,
    watcher: Watcher,
) {
    let heads = Heads::default();
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(ScannedStream::new(stream, Arc::clone(&heads)));
    let service = service_fn(move |request| {
        let (head, gateway) = (next_head(&heads), Arc::clone(&gateway));
        async move { Ok::<_, Infallible>(respond(gateway, request, connection, head).await) }
    });

    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER_BYTES);
    if let Err(error) = watcher.watch(builder.serve_connection(io, service)).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_failures_are_logged_once_per_interval_with_their_number() {
        let (mut failures, began) = (AcceptFailures::default(), Instant::now());
        assert_eq!(failures.count(began), Some(1));
        for step in 1..200 {
            let now = began + ACCEPT_RETRY_INTERVAL * step;
            assert_eq!(failures.count(now), None, "{step}");
        }
        assert_eq!(failures.count(began + WARNING_INTERVAL), Some(200));
        assert_eq!(failures.count(began + WARNING_INTERVAL), None);
    }
}
