//! Listening, connections, and an end that finishes what is under way.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

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

/// Serves until `stop` is ready, then finishes the requests under way, for 35 s at most.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
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
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {} s", FAREWELL.as_secs());
    }
}

async fn connect(stream: TcpStream, connection: Connection, gateway: Arc<Gateway>, watcher: Watcher) {
    let heads = Heads::default();
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&heads)));
    let service = service_fn(move |request| {
        let (head, gateway) = (next_head(&heads), Arc::clone(&gateway));
        async move { Ok::<_, Infallible>(answer(gateway, request, connection, head).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(HEADERS).max_buf_size(BUFFER);
    if let Err(error) = watcher.watch(builder.serve_connection(io, service)).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
