//! An identity provider on loopback that counts requests, and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What it answers.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
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
struct Told {
    replies: Vec<(String, Reply)>,
    once: Vec<(String, Reply)>,
    in_flight: usize,
    most_in_flight: usize,
    requests: Vec<String>,
    heads: Vec<(String, String)>,
}

/// The provider; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self {
            address: listener.local_addr().unwrap(),
            told: Arc::default(),
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

    /// From now on, this path has this answer.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        let mut told = self.told.lock().unwrap();
        told.replies.retain(|(known, _)| known != path);
        told.replies.push((path.to_owned(), reply));
    }

    /// The next request for this path gets this response, before others get what [`Self::reply`]
    /// set.
    pub(crate) fn reply_once(&self, path: &str, reply: Reply) {
        self.told
            .lock()
            .unwrap()
            .once
            .push((path.to_owned(), reply));
    }

    /// How often the path was asked for.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.told
            .lock()
            .unwrap()
            .requests
            .iter()
            .filter(|asked| *asked == path)
            .count()
    }

    /// The most requests that were being answered at the same time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.told.lock().unwrap().most_in_flight
    }

    /// The last request for a path, whole.
    pub(crate) fn last(&self, path: &str) -> String {
        let told = self.told.lock().unwrap();
        told.heads
            .iter()
            .rfind(|(asked, _)| asked == path)
            .map(|(_, head)| head.clone())
            .unwrap_or_default()
    }

    /// One request.
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
            let mut told = self.told.lock().unwrap();
            told.requests.push(path.clone());
            told.heads.push((path.clone(), head));
            told.in_flight += 1;
            told.most_in_flight = told.most_in_flight.max(told.in_flight);
            let once = told
                .once
                .iter()
                .position(|(known, _)| *known == path)
                .map(|index| told.once.remove(index).1);
            once.or_else(|| {
                told.replies
                    .iter()
                    .find(|(known, _)| *known == path)
                    .map(|(_, reply)| reply.clone())
            })
        };
        let reply = reply.unwrap_or_else(|| Reply::status("404 Not Found"));
        tokio::time::sleep(reply.delay).await;
        self.told.lock().unwrap().in_flight -= 1;
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
