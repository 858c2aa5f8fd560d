//! An HTTP proxy between a DynamoDB client and its server. It counts requests and injects the faults
//! of networks and services.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the proxy does with one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Forwards the request and returns the response.
    None,
    /// Forwards it after a delay.
    Delay(Duration),
    /// Reads it and never responds.
    Hang,
    /// Resets the connection before the request reaches the server.
    Reset,
    /// Responds with a throttling error that has no reasons.
    Throttle,
    /// Responds with a throttling error that has this reason.
    ThrottleFor(&'static str),
    /// Responds that another transaction uses the same item.
    Conflict,
    /// Responds with 400 and this error code.
    Refuse(&'static str),
    /// Responds with 500, which leaves open what the server did.
    ServerError,
    /// Forwards it, but drops the response.
    LoseResponse,
}

/// The requests that passed a proxy, and the items that they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The number of requests of any operation.
    pub requests: usize,
    /// The number of items that `GetItem` and `BatchGetItem` were asked for.
    pub items_read: usize,
    /// The number of items that were put, updated or deleted, alone or in a transaction.
    pub items_written: usize,
}

impl Traffic {
    /// Returns what has passed since an earlier state.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            items_read: self.items_read - earlier.items_read,
            items_written: self.items_written - earlier.items_written,
        }
    }
}

/// Chooses the fault of a request by its number (from 0, since the plan was set) and its operation.
type FaultPlan = Box<dyn FnMut(usize, &str) -> Fault + Send>;

struct State {
    upstream: SocketAddr,
    plan: Mutex<(usize, FaultPlan)>,
    counts: Mutex<HashMap<String, usize>>,
    items_read: AtomicUsize,
    items_written: AtomicUsize,
    date_shift_s: AtomicI64,
}

/// A running proxy. Dropping it stops it.
pub struct FaultProxy {
    /// The endpoint URL for clients.
    pub url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy that forwards to `upstream`.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub async fn in_front_of(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            upstream,
            plan: Mutex::new((0, Box::new(|_, _| Fault::None))),
            counts: Mutex::default(),
            items_read: AtomicUsize::new(0),
            items_written: AtomicUsize::new(0),
            date_shift_s: AtomicI64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            url,
            state,
            accepting,
        }
    }

    /// Injects the same fault into every request from now on.
    pub fn fault_all(&self, fault: Fault) {
        self.fault_by(move |_, _| fault);
    }

    /// Chooses the fault of each request from now on, by its number from 0 and its operation.
    ///
    /// # Panics
    /// If an earlier plan panicked.
    pub fn fault_by(&self, plan: impl FnMut(usize, &str) -> Fault + Send + 'static) {
        *self.state.plan.lock().expect("no panic while held") = (0, Box::new(plan));
    }

    /// Moves the `Date` header of responses by this many seconds.
    pub fn shift_date(&self, seconds: i64) {
        self.state.date_shift_s.store(seconds, Ordering::Relaxed);
    }

    /// Returns the number of requests of an operation so far.
    ///
    /// # Panics
    /// If a fault plan panicked.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.state
            .counts
            .lock()
            .expect("no panic while held")
            .get(operation)
            .copied()
            .unwrap_or(0)
    }

    /// Returns the number of items that `GetItem` and `BatchGetItem` were asked for so far.
    #[must_use]
    pub fn items_read(&self) -> usize {
        self.state.items_read.load(Ordering::Relaxed)
    }

    /// Returns the requests so far, and the items that they name.
    ///
    /// # Panics
    /// If a fault plan panicked.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let counts = self.state.counts.lock().expect("no panic while held");
        Traffic {
            requests: counts.values().sum(),
            items_read: self.items_read(),
            items_written: self.state.items_written.load(Ordering::Relaxed),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // An error means that one side closed the connection, which ends it.
            let _ = serve(client, &state).await;
        });
    }
}

async fn serve(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut server: Option<TcpStream> = None;
    while let Some(request) = read_message(&mut client).await? {
        let items = items_read(&request);
        state.items_read.fetch_add(items, Ordering::Relaxed);
        let items = items_written(&request);
        state.items_written.fetch_add(items, Ordering::Relaxed);
        let fault = state.next(&operation(&request));
        match fault {
            Fault::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
            Fault::Reset => return client.set_zero_linger(),
            Fault::Throttle => {
                client
                    .write_all(&error(400, "ProvisionedThroughputExceededException", ""))
                    .await?
            }
            Fault::ThrottleFor(reason) => client.write_all(&throttle(reason)).await?,
            Fault::Conflict => client.write_all(&conflict(&operation(&request))).await?,
            Fault::Refuse(code) => client.write_all(&error(400, code, "")).await?,
            Fault::ServerError => {
                client
                    .write_all(&error(500, "InternalServerError", ""))
                    .await?
            }
            Fault::None | Fault::Delay(_) | Fault::LoseResponse => {
                if let Fault::Delay(time) = fault {
                    tokio::time::sleep(time).await;
                }
                let response = exchange(&mut server, state.upstream, &request).await?;
                if fault == Fault::LoseResponse {
                    return Ok(());
                }
                client.write_all(&state.dated(response)).await?;
            }
        }
    }
    Ok(())
}

async fn exchange(
    server: &mut Option<TcpStream>,
    upstream: SocketAddr,
    request: &[u8],
) -> std::io::Result<Vec<u8>> {
    let mut stream = match server.take() {
        Some(stream) => stream,
        None => TcpStream::connect(upstream).await?,
    };
    stream.set_nodelay(true)?;
    stream.write_all(request).await?;
    let response = read_message(&mut stream)
        .await?
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    if !header(&response, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        *server = Some(stream);
    }
    Ok(response)
}

impl State {
    fn next(&self, operation: &str) -> Fault {
        *self
            .counts
            .lock()
            .expect("no panic while held")
            .entry(operation.to_owned())
            .or_default() += 1;
        let (number, plan) = &mut *self.plan.lock().expect("no panic while held");
        *number += 1;
        plan(*number - 1, operation)
    }

    fn dated(&self, response: Vec<u8>) -> Vec<u8> {
        let shift = self.date_shift_s.load(Ordering::Relaxed);
        let Some(date) = header(&response, "date").filter(|_| shift != 0) else {
            return response;
        };
        let time = httpdate::parse_http_date(date).expect("a date");
        let distance = Duration::from_secs(shift.unsigned_abs());
        let shifted: SystemTime = if shift > 0 {
            time + distance
        } else {
            time - distance
        };
        let text = String::from_utf8(response.clone()).expect("JSON");
        text.replacen(date, &httpdate::fmt_http_date(shifted), 1)
            .into_bytes()
    }
}

/// Reads one HTTP/1.1 message with its body, or `None` at the end of the connection.
///
/// # Errors
/// If the connection fails or ends within a message.
pub async fn read_message(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::with_capacity(4096);
    loop {
        if let Some(end) = message.windows(4).position(|window| window == b"\r\n\r\n") {
            let length = header(&message, "content-length")
                .and_then(|value| value.parse().ok())
                .unwrap_or(0);
            if message.len() >= end + 4 + length {
                return Ok(Some(message));
            }
        }
        if stream.read_buf(&mut message).await? == 0 {
            return if message.is_empty() {
                Ok(None)
            } else {
                Err(std::io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

fn header<'m>(message: &'m [u8], name: &str) -> Option<&'m str> {
    let end = message
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let lines = std::str::from_utf8(&message[..end]).ok()?.lines();
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn operation(request: &[u8]) -> String {
    let target = header(request, "x-amz-target").unwrap_or("-");
    target.rsplit('.').next().unwrap_or(target).to_owned()
}

/// Returns the number of items that a request reads by their keys.
fn items_read(request: &[u8]) -> usize {
    match operation(request).as_str() {
        "GetItem" => 1,
        "BatchGetItem" => {
            let body = body(request);
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.filter_map(|(_, table)| table["Keys"].as_array());
            keys.map(Vec::len).sum()
        }
        _ => 0,
    }
}

/// Returns the number of items that a request writes. A condition check writes no item.
fn items_written(request: &[u8]) -> usize {
    match operation(request).as_str() {
        "PutItem" | "UpdateItem" | "DeleteItem" => 1,
        "TransactWriteItems" => {
            let body = body(request);
            let actions = body["TransactItems"].as_array().into_iter().flatten();
            let writes = actions.filter(|action| action["ConditionCheck"].is_null());
            writes.count()
        }
        _ => 0,
    }
}

/// Returns the body of a request, or null if it is not JSON.
fn body(request: &[u8]) -> Value {
    let body = request.split(|byte| *byte == b'\n').next_back();
    let body = body.and_then(|body| serde_json::from_slice(body).ok());
    body.unwrap_or_default()
}

fn throttle(reason: &str) -> Vec<u8> {
    let resource = "arn:aws:dynamodb:us-east-1:000000000000:table/tollgate-usage";
    let reasons =
        format!(r#","ThrottlingReasons":[{{"reason":"{reason}","resource":"{resource}"}}]"#);
    error(400, "ProvisionedThroughputExceededException", &reasons)
}

fn conflict(operation: &str) -> Vec<u8> {
    if operation != "TransactWriteItems" {
        return error(400, "TransactionConflictException", "");
    }
    let reasons = r#","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]"#;
    error(400, "TransactionCanceledException", reasons)
}

/// Returns an error response. `more` is the JSON of further fields, each after a comma.
fn error(status: u16, code: &str, more: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"a fault"{more}}}"#
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Fault\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
