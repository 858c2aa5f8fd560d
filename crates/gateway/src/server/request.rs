//! Handles a request from its head to its response.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, USER_AGENT};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use telemetry::TraceParent;

use super::access_log_entry::AccessLogEntry;
use super::authorize::authorize;
use super::body::{CountingBody, ResponseBody};
use super::event::authorizer_event;
use super::head_scanner::Head;
use super::integration::integrate;
use super::integration_request::IntegrationRequest;
use super::local_caller::is_from_this_machine;
use super::request_body::MAX_BODY_BYTES;
use super::response::{self, ErrorResponse};
use super::{Gateway, headers, own_page, path, request_span};
use crate::api::{Authorization, Exchange, RequestParts, Route};

/// API Gateway's quota for request line and headers together.
const MAX_HEAD_BYTES: u64 = 10_240;

/// The connection of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) client: SocketAddr,
    pub(super) local_port: u16,
}

/// Responds to a request and logs it. Every failure is a response too.
pub(super) async fn respond(
    gateway: Arc<Gateway>,
    mut request: Request<Incoming>,
    connection: Connection,
    head: Option<Head>,
) -> Response<ResponseBody> {
    let mut exchange = Exchange::begin(request_id(), connection.client.ip());
    let span = request_span::begin(&gateway, &mut request, connection, &exchange.request_id);
    exchange.span = span.context().cloned();
    let mut entry = AccessLogEntry::new(Arc::clone(&gateway), exchange, span);
    let exchange = &mut entry.exchange;
    let mut response = match handle(&gateway, request, connection, head, exchange).await {
        Ok(response) => response,
        Err(error) => {
            exchange.error = Some(error.message());
            error.response()
        }
    };

    if head.is_none_or(|head| head.is_chunked || head.is_ambiguous) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(value) = HeaderValue::from_str(&exchange.request_id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("apigw-requestid"), value);
    }
    entry.begin_response(response.status());
    response.map(|body| {
        CountingBody::new(body, move |transfer| entry.complete(transfer)).boxed_unsync()
    })
}

/// Returns an id that is unique in this process and unlikely in another one.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{number:08x}", PROCESS.hash_one(number))
}

/// Makes the checks in API Gateway's order, then calls the integration.
async fn handle(
    gateway: &Gateway,
    request: Request<Incoming>,
    connection: Connection,
    head: Option<Head>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    describe(&request, exchange);
    check_head(&request, head)?;
    let path = path::decoded(request.uri()).ok_or(ErrorResponse::BadRequest)?;
    exchange.path.clone_from(&path);
    if declared_length(&request).is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(ErrorResponse::PayloadTooLarge);
    }

    let source = exchange.source;
    let is_local = |request: &Request<Incoming>| {
        is_from_this_machine(source, request.uri(), request.headers())
    };
    if let Some(page) = own_page::find(gateway, request.method(), &path) {
        let is_local = is_local(&request);
        return own_page::respond(gateway, page, request, is_local, exchange).await;
    }

    let Some(found) = gateway.api.routes.find(request.method().as_str(), &path) else {
        let cors = gateway.api.cors.as_ref();
        let preflight = cors.and_then(|cors| cors.preflight(request.method(), request.headers()));
        return preflight
            .map(response::no_content)
            .ok_or(ErrorResponse::NotFound);
    };
    let route = Arc::clone(found.value);
    exchange.route_key = Some(route.key.clone());
    gateway
        .api
        .stage
        .admit(&route.key)
        .map_err(|_| ErrorResponse::TooManyRequests)?;

    // The headers of proxies are checked before those of this gateway are added.
    let is_iam_permitted = route.authorization == Authorization::Iam && is_local(&request);
    let (head, body) = request.into_parts();
    let request = integration_request(head, path.clone(), &found.parameters, connection);
    check_authorization(gateway, &route, &request, is_iam_permitted, exchange).await?;

    let origin = request.parts.headers.get(ORIGIN).cloned();
    let mut response = integrate(gateway, &route, request, body, exchange).await?;
    if let Some(cors) = &gateway.api.cors {
        cors.apply(origin.as_ref(), response.headers_mut());
    }
    Ok(response)
}

/// Describes the request in the exchange, for the log and for `$context` variables.
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
    let own = exchange.span.clone();
    let trace = own.or_else(|| request_span::trace_context(request.headers()));
    exchange.trace = trace.filter(TraceParent::is_sampled);
    exchange.domain = text(HOST).unwrap_or_default();
    exchange.user_agent = text(USER_AGENT).unwrap_or_default();
}

fn check_head(request: &Request<Incoming>, head: Option<Head>) -> Result<(), ErrorResponse> {
    let head = head
        .filter(|head| !head.is_ambiguous)
        .ok_or(ErrorResponse::BadRequest)?;
    if head.bytes > MAX_HEAD_BYTES {
        return Err(ErrorResponse::HeadersTooLarge);
    }

    let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
    let has_valid_host = match hosts.as_slice() {
        [host] => host
            .to_str()
            .is_ok_and(|host| host.parse::<Authority>().is_ok()),
        [] => request.version() == Version::HTTP_10,
        _ => false,
    };
    if has_valid_host && request.method() != Method::CONNECT {
        Ok(())
    } else {
        Err(ErrorResponse::BadRequest)
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

fn integration_request<'r>(
    head: http::request::Parts,
    path: String,
    parameters: &'r [(&'r str, &'r str)],
    connection: Connection,
) -> IntegrationRequest<'r> {
    let mut parts = RequestParts {
        path,
        query: path::query(&head.uri),
        headers: head.headers,
    };
    headers::strip_connection(&mut parts.headers);
    headers::add_forwarded(
        &mut parts.headers,
        connection.client.ip(),
        connection.local_port,
    );

    IntegrationRequest {
        method: head.method,
        raw_query: head.uri.query().unwrap_or_default().to_owned(),
        parts,
        parameters,
    }
}

async fn check_authorization(
    gateway: &Gateway,
    route: &Route,
    request: &IntegrationRequest<'_>,
    is_iam_permitted: bool,
    exchange: &mut Exchange,
) -> Result<(), ErrorResponse> {
    match &route.authorization {
        Authorization::None => Ok(()),
        Authorization::Iam if is_iam_permitted => Ok(()),
        Authorization::Iam => Err(ErrorResponse::Forbidden),
        Authorization::Custom(package) => {
            let function = gateway.functions.get(package);
            let function = function.ok_or(ErrorResponse::InternalError)?;
            let event = authorizer_event(exchange, request);
            let event = event.map_err(|_| ErrorResponse::InternalError)?;
            authorize(Arc::clone(function), event, exchange).await
        }
    }
}
