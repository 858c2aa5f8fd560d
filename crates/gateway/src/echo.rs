//! The built-in backend, which echoes each request as JSON.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::memory_budget::{CollectError, MemoryBudget, ReservedBody};

type EchoBody = Either<ReservedBody<Full<Bytes>>, Full<Bytes>>;

/// The gateway's own limit on bodies.
const MAX_BODY_BYTES: usize = 10_000_000;
/// The memory for the bodies of all requests and responses.
const MEMORY_BYTES: u32 = 128 * 1024 * 1024;
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Starts the echo service on a free port of the loopback address. It runs until the runtime ends.
///
/// # Errors
/// If there is no free port.
pub(crate) async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept_all(listener, MemoryBudget::new(MEMORY_BYTES)));
    Ok(address)
}

async fn accept_all(listener: TcpListener, memory: MemoryBudget) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
            continue;
        };
        let _ = stream.set_nodelay(true);

        let memory = memory.clone();
        let service = service_fn(move |request| {
            let memory = memory.clone();
            async move {
                let response = echo(&memory, request).await;
                Ok::<_, Infallible>(response.unwrap_or_else(unavailable))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn unavailable() -> Response<EchoBody> {
    let text = Bytes::from_static(b"too many bodies are in memory\n");
    let mut response = Response::new(Either::Right(Full::new(text)));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Returns the request as JSON. `None` if memory is exhausted. A body that fails counts as empty.
async fn echo(memory: &MemoryBudget, request: Request<Incoming>) -> Option<Response<EchoBody>> {
    let (parts, body) = request.into_parts();
    let (body, _reservation) = match memory.collect(body, MAX_BODY_BYTES).await {
        Ok(collected) => collected,
        Err(CollectError::Exhausted) => return None,
        Err(CollectError::TooLarge | CollectError::Body(_)) => (Bytes::new(), memory.reserve(0)?),
    };

    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    let echo = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });

    let text = Bytes::from(echo.to_string() + "\n");
    let reservation = memory.reserve(text.len())?;
    let body = ReservedBody::new(Full::new(text), reservation);
    let mut response = Response::new(Either::Left(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}
