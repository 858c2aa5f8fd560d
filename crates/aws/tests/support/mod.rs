//! A server on a free loopback port that counts connections and requests.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    /// Sends a status, header lines and a body.
    Reply(u16, &'static str, &'static str),
    /// Sends a body without end.
    Endless,
    /// Reads the request and closes the connection.
    HangUp,
    /// Reads the request and sends nothing.
    Silence,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server. `respond` gets the number of the request, from 1 on.
    pub(crate) async fn start(respond: impl Fn(usize) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (accepting, respond) = (server.clone(), Arc::new(respond));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(accepting.clone().serve(stream, respond.clone()));
            }
        });
        server
    }

    async fn serve(
        self,
        mut stream: TcpStream,
        respond: Arc<impl Fn(usize) -> Action>,
    ) -> Option<()> {
        loop {
            let request = read_request(&mut stream).await?;
            let nth = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(request);
                requests.len()
            };
            match respond(nth) {
                Action::Reply(status, headers, body) => {
                    let length = body.len();
                    let reply = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
                    );
                    stream.write_all(reply.as_bytes()).await.ok()?;
                }
                Action::Endless => {
                    stream
                        .write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
                        .await
                        .ok()?;
                    loop {
                        stream.write_all(b"400\r\n").await.ok()?;
                        stream.write_all(&[b'x'; 1024]).await.ok()?;
                        stream.write_all(b"\r\n").await.ok()?;
                    }
                }
                Action::HangUp => return None,
                Action::Silence => std::future::pending().await,
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                header(&text, "content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(format!("{head}\r\n\r\n{body}"));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Returns a header of a request by its lower-case name.
pub(crate) fn header(request: &str, name: &str) -> Option<String> {
    let (head, _) = request.split_once("\r\n\r\n")?;
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

/// Returns an address that refuses connections.
pub(crate) async fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// JSON lines in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the call records so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.json_lines();
        lines.iter().map(|line| line["api_call"].clone()).collect()
    }

    /// Returns the call record, and panics if there is not exactly one.
    pub(crate) fn record(&self) -> Value {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records[0].clone()
    }
}
