//! A TCP server that sends any bytes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The behaviour of the server after it has read a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends bytes, and reads the next request.
    Send(Vec<u8>),
    /// Sends bytes, and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends the first bytes, and then the second ones again and again.
    Repeat(Vec<u8>, Vec<u8>),
    /// Sends one byte after another, with this pause between them.
    Drip(Vec<u8>, Duration),
    /// Waits, and then sends bytes.
    Delay(Duration, Vec<u8>),
    /// Sends nothing.
    Silence,
    /// Closes the connection.
    Close,
}

/// A server on a free port that sends any bytes. It counts what it receives, and can be stopped.
#[derive(Clone)]
pub struct RawServer {
    address: SocketAddr,
    counts: Arc<Counts>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    heads: Mutex<Vec<String>>,
    sent_bytes: AtomicUsize,
    closed: AtomicUsize,
}

/// Returns a response with a JSON body.
pub fn reply(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// Returns a complete JSON response.
pub fn ok(body: &str) -> Vec<u8> {
    reply(200, "content-type: application/json\r\n", body)
}

impl RawServer {
    /// Starts a server that does the same after each request.
    pub async fn always(action: Action) -> Self {
        Self::start(move |_| action.clone()).await
    }

    /// Starts a server. `act` gets the number of the request, from 1 on.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub async fn start(act: impl Fn(usize) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            counts: Arc::default(),
            tasks: Arc::default(),
        };

        let (accepting, act) = (server.clone(), Arc::new(act));
        let accepts = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counts, act) = (Arc::clone(&accepting.counts), Arc::clone(&act));
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let serving = tokio::spawn(serve(stream, counts, act));
                accepting.tasks.lock().unwrap().push(serving.abort_handle());
            }
        });
        server.tasks.lock().unwrap().push(accepts.abort_handle());
        server
    }

    /// Stops listening and closes all connections, as a process that is killed does.
    ///
    /// # Panics
    /// If serving a request has panicked.
    pub fn kill(&self) {
        for task in self.tasks.lock().unwrap().drain(..) {
            task.abort();
        }
    }

    /// Returns the URL of the server without a `/` at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of connections that were accepted.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of requests that were received.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Returns the requests, as they were received.
    ///
    /// # Panics
    /// If serving a request has panicked.
    pub fn received(&self) -> Vec<String> {
        self.counts.heads.lock().unwrap().clone()
    }

    /// Returns the number of bytes that were sent.
    pub fn sent_bytes(&self) -> usize {
        self.counts.sent_bytes.load(Ordering::SeqCst)
    }

    /// Waits until this number of connections were closed by the client.
    pub async fn closed(&self, connections: usize) {
        while self.counts.closed.load(Ordering::SeqCst) < connections {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, counts: Arc<Counts>, act: Arc<impl Fn(usize) -> Action>) {
    loop {
        let Some(request) = read_request(&mut stream).await else {
            counts.closed.fetch_add(1, Ordering::SeqCst);
            return;
        };
        counts.heads.lock().unwrap().push(request);
        let nth = counts.requests.fetch_add(1, Ordering::SeqCst) + 1;

        if perform(&mut stream, act(nth), &counts).await.is_none() {
            counts.closed.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
}

/// Returns `None` if the connection has ended.
async fn perform(stream: &mut TcpStream, action: Action, counts: &Counts) -> Option<()> {
    match action {
        Action::Send(bytes) => stream.write_all(&bytes).await.ok(),
        Action::SendAndClose(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()?;
            None
        }
        Action::Repeat(first, again) => {
            stream.write_all(&first).await.ok()?;
            loop {
                stream.write_all(&again).await.ok()?;
                counts.sent_bytes.fetch_add(again.len(), Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
        Action::Drip(bytes, pause) => {
            for byte in bytes {
                stream.write_all(&[byte]).await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Some(())
        }
        Action::Delay(time, bytes) => {
            tokio::time::sleep(time).await;
            stream.write_all(&bytes).await.ok()
        }
        Action::Silence => {
            // The end of the connection is all that a silent server waits for.
            let _ = stream.read(&mut [0]).await;
            None
        }
        Action::Close => None,
    }
}

/// Reads a request with its body. Returns `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
