//! An identity provider on loopback that counts requests, and responds as the test configures it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A response of the provider.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    /// True if the connection is closed instead of a response.
    pub(crate) is_lost: bool,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::bytes(body.to_string().into_bytes())
    }

    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: "200 OK",
            headers: "content-type: application/json\r\n".to_owned(),
            body,
            delay: Duration::ZERO,
            is_lost: false,
        }
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Self {
            status,
            ..Self::bytes(b"{}".to_vec())
        }
    }
}

#[derive(Default)]
struct ProviderState {
    replies: Vec<(String, Reply)>,
    once: Vec<(String, Reply)>,
    in_flight: usize,
    most_in_flight: usize,
    requests: Vec<String>,
    heads: Vec<(String, String)>,
}

/// A provider. It ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<ProviderState>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Starts a provider on a free port of this address.
    pub(crate) async fn start_at(address: IpAddr) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let provider = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = serving.clone();
                tokio::spawn(async move { provider.serve(stream).await });
            }
        });
        provider
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sets the response for a path.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        let mut state = self.state.lock().unwrap();
        state.replies.retain(|(known, _)| known != path);
        state.replies.push((path.to_owned(), reply));
    }

    /// Sets the response for the next request for a path. Later ones get that of [`Self::reply`].
    pub(crate) fn reply_once(&self, path: &str, reply: Reply) {
        self.state
            .lock()
            .unwrap()
            .once
            .push((path.to_owned(), reply));
    }

    /// Returns the number of requests for a path.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.state
            .lock()
            .unwrap()
            .requests
            .iter()
            .filter(|asked| *asked == path)
            .count()
    }

    /// Returns the largest number of concurrent requests.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.state.lock().unwrap().most_in_flight
    }

    /// Returns the last request for a path.
    pub(crate) fn last(&self, path: &str) -> String {
        let state = self.state.lock().unwrap();
        state
            .heads
            .iter()
            .rfind(|(asked, _)| asked == path)
            .map(|(_, head)| head.clone())
            .unwrap_or_default()
    }

    /// Returns all requests for a path.
    pub(crate) fn all(&self, path: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let requests = state.heads.iter().filter(|(asked, _)| asked == path);
        requests.map(|(_, head)| head.clone()).collect()
    }

    /// Serves one request.
    async fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let mut head = String::from_utf8(head).unwrap();
        let length = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        stream.read_exact(&mut body).await.unwrap();
        head.push_str(std::str::from_utf8(&body).unwrap());
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.requests.push(path.clone());
            state.heads.push((path.clone(), head));
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            let once = state
                .once
                .iter()
                .position(|(known, _)| *known == path)
                .map(|index| state.once.remove(index).1);
            once.or_else(|| {
                state
                    .replies
                    .iter()
                    .find(|(known, _)| *known == path)
                    .map(|(_, reply)| reply.clone())
            })
        };
        let reply = reply.unwrap_or_else(|| Reply::status("404 Not Found"));
        tokio::time::sleep(reply.delay).await;
        self.state.lock().unwrap().in_flight -= 1;
        if reply.is_lost {
            return;
        }
        let Reply {
            status,
            headers,
            body,
            ..
        } = reply;
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&body).await;
    }
}
