//! Calls the backend: request mapping, listener rules, then the backend itself.

use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::backend::{BackendError, MAX_BUFFERED_RESPONSE_BYTES};
use super::backend_body::BackendBody;
use super::backend_span::{BackendSpan, SpanBody, call_error_type};
use super::body::{BodyError, ResponseBody};
use super::integration_request::IntegrationRequest;
use super::request_body::{BodyStatus, RequestBody};
use super::response::{self, ErrorResponse};
use super::{Gateway, MEMORY_EXHAUSTED, headers, path};
use crate::api::{Exchange, FixedResponse, Integration, RequestParts, ResponseSource};
use crate::memory_budget::{Reservation, ReservedBody};

/// Returns the original request, which response mapping needs, and the response.
pub(super) async fn call_backend(
    gateway: &Gateway,
    integration: &Integration,
    request: IntegrationRequest<'_>,
    body: Incoming,
    exchange: &mut Exchange,
) -> Result<(RequestParts, Response<ResponseBody>), ErrorResponse> {
    let deadline = Instant::now() + integration.timeout;
    let IntegrationRequest {
        method,
        parts: original,
        ..
    } = request;
    let mut mapped = integration.change_request(&original, exchange);

    let response = match matching_rule(gateway, integration, &mut mapped) {
        Some(rule) => {
            exchange.response_source = ResponseSource::Listener;
            response::fixed(rule)
        }
        None => {
            let status = BodyStatus::default();
            let body = RequestBody::new(body, deadline, status.clone());
            let mut request = outgoing(gateway, method, mapped, &original, body)?;
            let span = BackendSpan::begin(&mut request, exchange.span.as_ref());
            let call = BackendCall {
                request,
                body: status,
                span,
                deadline,
            };
            send(gateway, integration, call, exchange).await?
        }
    };
    Ok((original, response))
}

/// The response of the load balancer's first listener rule that matches.
fn matching_rule<'g>(
    gateway: &'g Gateway,
    integration: &Integration,
    request: &mut RequestParts,
) -> Option<&'g FixedResponse> {
    let listener = integration.listener.as_ref()?;
    headers::drop_invalid(&mut request.headers);

    let mut rules = gateway
        .api
        .rules
        .iter()
        .filter(|rule| rule.listener == *listener);
    rules
        .find(|rule| rule.matches(&request.headers))
        .map(|rule| &rule.response)
}

/// Builds the request to the backend.
fn outgoing(
    gateway: &Gateway,
    method: Method,
    mapped: RequestParts,
    original: &RequestParts,
    body: RequestBody,
) -> Result<Request<RequestBody>, ErrorResponse> {
    let query = path::joined(&mapped.query, &original.query);
    let path = path::encoded(&mapped.path);
    let target = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    let uri = gateway.backend.address(&target);

    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.ok_or(ErrorResponse::InternalError)?;
    *request.headers_mut() = mapped.headers;
    Ok(request)
}

/// A call that is about to be made.
struct BackendCall {
    request: Request<RequestBody>,
    body: BodyStatus,
    span: BackendSpan,
    deadline: Instant,
}

async fn send(
    gateway: &Gateway,
    integration: &Integration,
    call: BackendCall,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    let BackendCall {
        request,
        body: body_status,
        mut span,
        deadline,
    } = call;
    let began = Instant::now();
    let result = response_with_body(gateway, request, deadline).await;
    let waited = body_status.waited();
    exchange.client_wait = waited;
    exchange.upstream_latency = Some(began.elapsed().saturating_sub(waited));

    match result {
        Ok(response) => {
            span.set_status(response.status());
            let reservation = reserve_buffers(gateway, response.body(), exchange)
                .inspect_err(|_| span.fail("memory_exhausted"))?;
            exchange.response_source = ResponseSource::Backend;
            Ok(response.map(|body| {
                ReservedBody::new(SpanBody::new(body, span), reservation).boxed_unsync()
            }))
        }
        Err(error) => {
            span.fail(call_error_type(error, body_status.error()));
            error_response(integration, error, body_status.error(), exchange)
        }
    }
}

/// Returns the response to a request whose call failed. `body` is the error of the request's body.
fn error_response(
    integration: &Integration,
    error: BackendError,
    body: Option<BodyError>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    match (body, error) {
        // The call may have failed because the client's body did.
        (Some(BodyError::TooLarge), _) => Err(ErrorResponse::PayloadTooLarge),
        (Some(_), _) => Err(ErrorResponse::BadRequest),
        (None, BackendError::Timeout) => {
            exchange.integration_error = Some(BodyError::Timeout.to_string());
            Err(ErrorResponse::Unavailable)
        }
        (None, BackendError::Target(status)) => {
            exchange.integration_error = Some(target_error(status).to_owned());
            // Without a load balancer, API Gateway itself fails to reach the backend.
            if integration.listener.is_some() {
                Ok(response::load_balancer_error(status))
            } else {
                Err(ErrorResponse::Unavailable)
            }
        }
    }
}

/// Returns the backend's response once its body has begun.
async fn response_with_body(
    gateway: &Gateway,
    request: Request<RequestBody>,
    deadline: Instant,
) -> Result<Response<BackendBody>, BackendError> {
    let (parts, body) = gateway.backend.call(request, deadline).await?.into_parts();
    let body = BackendBody::begin(body, deadline)
        .await
        .map_err(|error| match error {
            BodyError::Timeout => BackendError::Timeout,
            _ => BackendError::Target(StatusCode::BAD_GATEWAY),
        })?;

    Ok(Response::from_parts(parts, body))
}

/// Reserves the memory that a response's buffers take while its client does not read.
fn reserve_buffers(
    gateway: &Gateway,
    body: &BackendBody,
    exchange: &mut Exchange,
) -> Result<Reservation, ErrorResponse> {
    let max = MAX_BUFFERED_RESPONSE_BYTES;
    let declared = body.size_hint().upper();
    let declared = declared.and_then(|length| usize::try_from(length).ok());
    let bytes = declared.map_or(max, |length| length.min(max));

    gateway.memory.responses.reserve(bytes).ok_or_else(|| {
        exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
        ErrorResponse::Unavailable
    })
}

fn target_error(status: StatusCode) -> &'static str {
    if status == StatusCode::GATEWAY_TIMEOUT {
        "connecting to the target timed out"
    } else {
        "the target refused or broke the connection"
    }
}
