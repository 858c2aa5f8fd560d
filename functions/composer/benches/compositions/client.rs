//! A client with one connection, which requests the composition again and again.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The key of the seeds in `tests/bench/compositions.py`.
const KEY: &str = "benchmark-key-000000000001";

/// A connection to a server.
pub(crate) struct Client {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();

        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let host = format!("127.0.0.1:{port}");
        Self { sender, host }
    }

    /// Returns the body of a complete response.
    pub(crate) async fn get(&mut self) -> Bytes {
        let request = Request::get("/bff/dashboard")
            .header("host", &self.host)
            .header("x-user-id", "user-1")
            .header("x-api-key", KEY)
            .body(Empty::new())
            .unwrap();

        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        body
    }
}

/// Sends requests on several connections.
pub(crate) async fn load(port: u16, connections: usize, requests: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..connections {
        let own = requests / connections + usize::from(number < requests % connections);
        tasks.spawn(async move {
            let mut client = Client::connect(port).await;
            for _ in 0..own {
                client.get().await;
            }
        });
    }
    tasks.join_all().await;
}
