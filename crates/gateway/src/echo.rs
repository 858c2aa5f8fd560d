//! The built-in backend: it answers with what reached it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

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

use crate::memory_budget::{CollectError, MemoryBudget, Reserved};

/// The body of a response.
type Echo = Either<Reserved<Full<Bytes>>, Full<Bytes>>;

/// The gateway lets no more through.
const LARGEST: usize = 10_000_000;
/// For the bodies of all requests and responses together.
const MEMORY: u32 = 128 * 1024 * 1024;

/// Starts the echo service on a free port of this machine, for as long as the runtime lives.
///
/// # Errors
/// Where there is no free port.
pub(crate) async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let memory = MemoryBudget::new(MEMORY);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let memory = memory.clone();
            let service = service_fn(move |request| {
                let memory = memory.clone();
                async move {
                    Ok::<_, Infallible>(echo(&memory, request).await.unwrap_or_else(unavailable))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// Without memory for a body.
fn unavailable() -> Response<Echo> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(
        b"too many bodies are in memory\n",
    ))));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// `None` if there is not enough memory for the request's body or the response. A body that breaks
/// off is empty.
async fn echo(memory: &MemoryBudget, request: Request<Incoming>) -> Option<Response<Echo>> {
    let (parts, body) = request.into_parts();
    let (body, _request) = match memory.collect(body, LARGEST).await {
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
    let seen = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    let seen = Bytes::from(seen.to_string() + "\n");
    let reservation = memory.reserve(seen.len())?;
    let mut response = Response::new(Either::Left(Reserved::new(Full::new(seen), reservation)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}
