//! One request's way, from its head to its answer.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, USER_AGENT};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{self, Own};
use super::authorize::authorize;
use super::body::{Counted, LARGEST, ResponseBody, Sent};
use super::event::authorizer_event;
use super::head::Head;
use super::integrate::{Passed, integrate};
use super::local_caller::is_from_this_machine;
use super::{Gateway, headers, path};
use crate::api::{Authorization, Exchange, RequestParts, Route};
use crate::pages::{JWKS_PATH, METRICS_PATH};

/// API Gateway's quota for request line and headers together.
const LARGEST_HEAD: u64 = 10_240;

/// The connection a request came by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) client: SocketAddr,
    pub(super) local_port: u16,
}

/// Answers one request. Never fails: what goes wrong is an answer too.
pub(super) async fn answer(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    connection: Connection,
    head: Option<Head>,
) -> Response<ResponseBody> {
    let exchange = Exchange::begin(request_id(), connection.client.ip());
    let mut logged = Logged {
        gateway: Arc::clone(&gateway),
        exchange,
        started: Instant::now(),
    };
    let exchange = &mut logged.exchange;
    let mut response = match proceed(&gateway, request, connection, head, exchange).await {
        Ok(response) => response,
        Err(own) => {
            exchange.error = Some(own.message());
            own.response()
        }
    };
    if head.is_none_or(|head| head.encoded || head.unclear) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(value) = HeaderValue::from_str(&exchange.request_id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("apigw-requestid"), value);
    }
    exchange.status = Some(response.status().as_u16());
    response.map(|body| Counted::new(body, move |sent| logged.sent(sent)).boxed_unsync())
}

/// An exchange that is logged when it ends, be it because the client has left.
struct Logged {
    gateway: Arc<Gateway>,
    exchange: Exchange,
    started: Instant,
}

impl Logged {
    /// The status has been sent already when a body breaks off, so the error is all that the log
    /// can say of it.
    fn sent(mut self, sent: Sent) {
        self.exchange.response_length = Some(sent.bytes);
        if let Some(error) = sent.error {
            self.exchange
                .integration_error
                .get_or_insert_with(|| error.to_string());
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.exchange.response_latency = Some(self.started.elapsed());
        let Some(format) = &self.gateway.api.stage.log else {
            return;
        };

        let line = format.line(&self.exchange);
        // A scrape that counts as a request would change what it measures.
        if !self.exchange.is_own_page {
            self.gateway.metrics.line(&line);
        }
        (self.gateway.log)(&line, &self.exchange);
    }
}

/// Unique for as long as the process lives, and hard to mistake for another process's.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{number:08x}", PROCESS.hash_one(number))
}

/// The checks in API Gateway's order, then the integration.
async fn proceed(
    gateway: &Gateway,
    request: Request<Incoming>,
    connection: Connection,
    head: Option<Head>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Own> {
    describe(&request, exchange);
    check_head(&request, head)?;
    let decoded = path::decoded(request.uri()).ok_or(Own::BadRequest)?;
    exchange.path.clone_from(&decoded);
    if declared_length(&request).is_some_and(|length| length > LARGEST) {
        return Err(Own::PayloadTooLarge);
    }
    let is_local = is_from_this_machine(exchange.source, request.uri(), request.headers());
    if let Some(page) = own_page(gateway, &request, &decoded, is_local, exchange) {
        return page;
    }
    let Some(found) = gateway.api.routes.find(request.method().as_str(), &decoded) else {
        let cors = gateway.api.cors.as_ref();
        let preflight = cors.and_then(|cors| cors.preflight(request.method(), request.headers()));
        return preflight.map(answer::no_content).ok_or(Own::NotFound);
    };
    let route = Arc::clone(found.value);
    exchange.route_key = Some(route.key.clone());
    gateway
        .api
        .stage
        .admit(&route.key)
        .map_err(|_| Own::TooManyRequests)?;
    let (parts, body) = request.into_parts();
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let mut original = RequestParts {
        path: decoded.clone(),
        query: path::query(&parts.uri),
        headers: parts.headers,
    };
    headers::strip_connection(&mut original.headers);
    headers::add_forwarded(
        &mut original.headers,
        connection.client.ip(),
        connection.local_port,
    );
    let event = || authorizer_event(exchange, &original, &raw_query, &found.parameters);
    let event = matches!(route.authorization, Authorization::Custom(_)).then(event);
    pass(gateway, &route, event, is_local, exchange).await?;
    let origin = original.headers.get(ORIGIN).cloned();
    let request = Passed {
        method: parts.method,
        parts: original,
        raw_query,
        parameters: &found.parameters,
        body,
    };
    let mut response = integrate(gateway, &route, request, exchange).await?;
    if let Some(cors) = &gateway.api.cors {
        cors.answer(origin.as_ref(), response.headers_mut());
    }
    Ok(response)
}

/// Serves the pages that only the local gateway has, to GET and HEAD. They are logged, and are not
/// counted as requests to the API.
fn own_page(
    gateway: &Gateway,
    request: &Request<Incoming>,
    path: &str,
    is_local: bool,
    exchange: &mut Exchange,
) -> Option<Result<Response<ResponseBody>, Own>> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    if !is_read || ![JWKS_PATH, METRICS_PATH].contains(&path) {
        return None;
    }
    exchange.is_own_page = true;
    exchange.route_key = Some(format!("{} {path}", request.method()));

    if path == JWKS_PATH {
        return Some(Ok(answer::own_page(gateway.jwks.clone())));
    }
    if !is_local {
        return Some(Err(Own::Forbidden));
    }
    Some(Ok(answer::metrics_page(gateway.metrics.prometheus())))
}

fn describe(request: &Request<Incoming>, exchange: &mut Exchange) {
    let text = |name: HeaderName| {
        request
            .headers()
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    request.method().as_str().clone_into(&mut exchange.method);
    request.uri().path().clone_into(&mut exchange.path);
    exchange.protocol = if request.version() == Version::HTTP_10 {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    exchange.domain = text(HOST).unwrap_or_default();
    exchange.user_agent = text(USER_AGENT).unwrap_or_default();
}

fn check_head(request: &Request<Incoming>, head: Option<Head>) -> Result<(), Own> {
    let head = head.filter(|head| !head.unclear).ok_or(Own::BadRequest)?;
    if head.bytes > LARGEST_HEAD {
        return Err(Own::HeadersTooLarge);
    }
    let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
    let named = match hosts.as_slice() {
        [host] => host
            .to_str()
            .is_ok_and(|host| host.parse::<Authority>().is_ok()),
        [] => request.version() == Version::HTTP_10,
        _ => false,
    };
    if named && request.method() != Method::CONNECT {
        Ok(())
    } else {
        Err(Own::BadRequest)
    }
}

fn declared_length(request: &Request<Incoming>) -> Option<u64> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn pass(
    gateway: &Gateway,
    route: &Route,
    event: Option<serde_json::Value>,
    is_local: bool,
    exchange: &mut Exchange,
) -> Result<(), Own> {
    match (&route.authorization, event) {
        (Authorization::None, _) => Ok(()),
        (Authorization::Iam, _) if is_local => Ok(()),
        (Authorization::Iam, _) => Err(Own::Forbidden),
        (Authorization::Custom(package), Some(event)) => {
            let function = gateway.functions.get(package).ok_or(Own::Failed)?;
            authorize(Arc::clone(function), event, exchange).await
        }
        (Authorization::Custom(_), None) => Err(Own::Failed),
    }
}
