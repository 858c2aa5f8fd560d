//! Accepts connections and serves them.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Proxy;
use super::listener::Listener;

const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The age at which a connection ends, so that a client that does not read has it for a bounded time.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(10);
/// The time for the last request of an old connection.
const CLOSE_TIMEOUT: Duration = Duration::from_mins(2);
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Becomes true with the first request of a connection that has a valid session.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust(Arc<AtomicBool>);

impl Trust {
    pub(super) fn gain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_gained(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection that is served.
struct Connection {
    trust: Trust,
    task: AbortHandle,
}

/// The connections in the order in which they were accepted.
#[derive(Default)]
struct Connections {
    open: Vec<Connection>,
    tasks: JoinSet<()>,
}

/// Serves requests. Never returns. Dropping the future ends all connections.
pub(super) async fn serve(listener: &Listener, proxy: Arc<Proxy>) {
    let mut connections = Connections::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.tasks.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => connections.add(stream, &proxy),
            // The process is out of file descriptors, or the client has disconnected.
            Err(_) => sleep(ACCEPT_RETRY_INTERVAL).await,
        }
    }
}

impl Connections {
    /// Serves a connection. If there are too many, the oldest one that has sent no valid session ends.
    /// Otherwise other users of the machine could lock the operator out.
    fn add(&mut self, stream: TcpStream, proxy: &Arc<Proxy>) {
        self.open
            .retain(|connection| !connection.task.is_finished());
        if self.open.len() >= proxy.limits.connections {
            let is_untrusted = |connection: &Connection| !connection.trust.is_gained();
            let Some(oldest) = self.open.iter().position(is_untrusted) else {
                return;
            };
            self.open.remove(oldest).task.abort();
        }

        let trust = Trust::default();
        let served = serve_connection(stream, Arc::clone(proxy), trust.clone());
        let task = self.tasks.spawn(served);
        self.open.push(Connection { trust, task });
    }
}

async fn serve_connection(stream: TcpStream, proxy: Arc<Proxy>, trust: Trust) {
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(proxy.limits.head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);

    let service = service_fn(move |request| {
        let (proxy, trust) = (Arc::clone(&proxy), trust.clone());
        async move {
            let response = proxy.respond(request, &trust).await;
            Ok::<_, Infallible>(response.map(Full::new))
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(MAX_CONNECTION_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(CLOSE_TIMEOUT, connection).await;
}
