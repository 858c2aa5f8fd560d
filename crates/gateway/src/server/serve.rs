//! Listening, connections, and an end that finishes what is under way.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Gateway;
use super::head::{Heads, Watched, next_head};
use super::request::{Connection, answer};

/// More wait in the listener's queue.
const CONNECTIONS: usize = 4096;
/// For a client that sends its request byte by byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A little longer than any integration may take.
const FAREWELL: Duration = Duration::from_secs(35);
/// hyper answers 431 by itself past these, with an empty body. 10,240 bytes hold fewer headers.
const HEADERS: usize = 2_600;
const BUFFER: usize = 64 * 1024;
const RETRY_ACCEPT: Duration = Duration::from_millis(50);
/// Between two warnings that connections could not be accepted.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves until `stop` is ready, then finishes the requests under way, for 35 s at most.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut failures = AcceptFailures::default();
    tokio::pin!(stop);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            (place, accepted) = accepted => match accepted {
                Ok((stream, client)) => {
                    let connection = Connection { client, local_port: stream.local_addr().map_or(0, |address| address.port()) };
                    let served = connect(stream, connection, Arc::clone(&gateway), graceful.watcher());
                    tokio::spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                // Out of descriptors, or a client that left: neither ends the gateway.
                Err(error) => {
                    if let Some(failures) = failures.count(Instant::now()) {
                        tracing::warn!(%error, failures, "connections could not be accepted");
                    }
                    tokio::time::sleep(RETRY_ACCEPT).await;
                }
            },
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still under way after {} s",
            FAREWELL.as_secs()
        );
    }
}

/// Failures to accept a connection. While descriptors are exhausted, there are twenty per second.
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

async fn connect(
    stream: TcpStream,
    connection: Connection,
    gateway: Arc<Gateway>,
    watcher: Watcher,
) {
    let heads = Heads::default();
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&heads)));
    let service = service_fn(move |request| {
        let (head, gateway) = (next_head(&heads), Arc::clone(&gateway));
        async move { Ok::<_, Infallible>(answer(gateway, request, connection, head).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER);
    if let Err(error) = watcher.watch(builder.serve_connection(io, service)).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_to_accept_are_logged_once_per_interval_with_their_number() {
        let (mut failures, began) = (AcceptFailures::default(), Instant::now());
        assert_eq!(failures.count(began), Some(1));
        for step in 1..200 {
            assert_eq!(failures.count(began + RETRY_ACCEPT * step), None, "{step}");
        }
        assert_eq!(failures.count(began + WARNING_INTERVAL), Some(200));
        assert_eq!(failures.count(began + WARNING_INTERVAL), None);
    }
}
