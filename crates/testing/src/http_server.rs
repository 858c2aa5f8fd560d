//! An HTTP server on loopback with scripted responses, which keeps the requests.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A response of the server.
#[derive(Clone, Debug)]
pub struct HttpReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A request that the server has received.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    /// The headers with names in lower case. Of several with one name, the last.
    pub headers: HashMap<String, String>,
    /// All headers, as they were sent.
    pub header_lines: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Returns the response to a request.
type Respond = Box<dyn Fn(&HttpRequest) -> HttpReply + Send>;

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<HttpReply>>,
    requests: Vec<HttpRequest>,
    respond: Option<Respond>,
}

/// A server that responds to each method and path as scripted, and otherwise as API Gateway does if
/// there is no such route. It serves until the process ends.
pub struct HttpServer {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl HttpReply {
    /// Returns a response with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// Returns a response with a body of any media type.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        let reply = Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        };
        reply.header("content-type", content_type)
    }

    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Replaces the headers with this name by one.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.header(name, value)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl HttpServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub fn start() -> Self {
        Self::start_with(Script::default())
    }

    /// Starts a server on a free port that responds to all requests by a function. Requests are
    /// served one after the other.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub fn responding(respond: impl Fn(&HttpRequest) -> HttpReply + Send + 'static) -> Self {
        Self::start_with(Script {
            respond: Some(Box::new(respond)),
            ..Script::default()
        })
    }

    fn start_with(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script));

        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &script));
            }
        });
        Self { address, script }
    }

    /// Returns the URL of the server without a `/` at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Appends a response for `route`, such as `GET /plans`. The last one is repeated.
    ///
    /// # Panics
    /// If serving a request has panicked.
    pub fn reply(&self, route: &str, reply: HttpReply) {
        let mut script = self.script.lock().unwrap();
        let replies = script.replies.entry(route.to_owned()).or_default();
        replies.push_back(reply);
    }

    /// Returns the requests so far.
    ///
    /// # Panics
    /// If serving a request has panicked.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.script.lock().unwrap().requests.clone()
    }
}

impl Script {
    /// Keeps a request and returns its response.
    fn respond(&mut self, request: HttpRequest) -> HttpReply {
        if let Some(respond) = &self.respond {
            let reply = respond(&request);
            self.requests.push(request);
            return reply;
        }
        let path = request.target.split('?').next().unwrap_or_default();
        let route = format!("{} {path}", request.method);
        self.requests.push(request);

        let reply = self.replies.get_mut(&route).and_then(|replies| {
            if replies.len() > 1 {
                replies.pop_front()
            } else {
                replies.front().cloned()
            }
        });
        reply.unwrap_or_else(|| HttpReply::json(404, &serde_json::json!({"message": "Not Found"})))
    }
}

/// Serves the requests of one connection.
fn serve(stream: &TcpStream, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let reply = script.lock().unwrap().respond(request);
        let mut head = format!("HTTP/1.1 {} -\r\n", reply.status);
        let has_length = reply
            .headers
            .iter()
            .any(|(name, _)| name == "content-length");
        if reply.status != 204 && !has_length {
            head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
        }
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }

        let mut stream = stream;
        let message = format!("{head}\r\n{}", reply.body);
        if stream.write_all(message.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a request. `None` if the client has closed the connection.
fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<HttpRequest> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|bytes| *bytes > 0)?;
    let mut parts = line.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());

    let mut headers = HashMap::new();
    let mut header_lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        header_lines.push((name.to_owned(), value.trim().to_owned()));
    }

    let length = headers.get("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    Some(HttpRequest {
        method,
        target,
        headers,
        header_lines,
        body,
    })
}
