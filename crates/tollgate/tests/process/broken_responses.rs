//! A proxy that loses the responses of writes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A proxy before a gateway. It forwards each request, and closes the connection instead of a response
/// to a `POST`.
pub(crate) struct BrokenResponses(SocketAddr);

impl BrokenResponses {
    pub(crate) fn start(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                forward(client.unwrap(), gateway);
            }
        });
        Self(address)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

fn forward(mut client: TcpStream, gateway: SocketAddr) {
    let request = read_request(&mut client);
    let closing = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut server = TcpStream::connect(gateway).unwrap();
    server.write_all(closing.as_bytes()).unwrap();
    let mut response = Vec::new();
    server.read_to_end(&mut response).unwrap();
    if !request.starts_with("POST ") {
        let _ = client.write_all(&response);
    }
}

fn read_request(client: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower
                .split_once("content-length: ")
                .map_or("0", |(_, rest)| rest);
            let length = length
                .lines()
                .next()
                .unwrap_or("0")
                .trim()
                .parse()
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        let read = client.read(&mut buffer).unwrap();
        if read == 0 {
            return text;
        }
        request.extend_from_slice(&buffer[..read]);
    }
}
