//! An integration's part: the request as it is to see it, its answer, and what clients see of that.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{self, Own};
use super::backend::{BUFFERED_RESPONSE, NoAnswer};
use super::body::{BackendBody, BodyError, RequestBody, RequestFate, ResponseBody};
use super::event::proxy_event;
use super::{Gateway, MEMORY_EXHAUSTED, headers, invoke, path};
use crate::api::{Exchange, FixedResponse, Integration, RequestParts, Route};
use crate::memory_budget::{Reservation, Reserved};

/// A request that may pass.
pub(super) struct Passed<'r> {
    pub(super) method: Method,
    pub(super) parts: RequestParts,
    /// As it stands in the request line.
    pub(super) raw_query: String,
    /// Of the path.
    pub(super) parameters: &'r [(&'r str, &'r str)],
    pub(super) body: Incoming,
}

/// The integration's answer, mapped.
pub(super) async fn integrate(
    gateway: &Gateway,
    route: &Route,
    mut request: Passed<'_>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Own> {
    let (began, integration) = (Instant::now(), &route.integration);
    let (original, response) = match &integration.function {
        Some(package) => ask_function(gateway, package, route, request, exchange).await?,
        None => {
            headers::strip_expectation(&mut request.parts.headers);
            ask_backend(gateway, integration, request, exchange).await?
        }
    };
    exchange.integration_status = Some(response.status().as_u16());
    exchange.integration_latency = Some(began.elapsed());
    let (mut parts, body) = response.into_parts();
    headers::strip_connection(&mut parts.headers);
    integration.change_response(&mut parts.status, &mut parts.headers, &original, exchange);
    Ok(Response::from_parts(parts, body))
}

async fn ask_function(
    gateway: &Gateway,
    package: &str,
    route: &Route,
    request: Passed<'_>,
    exchange: &mut Exchange,
) -> Result<(RequestParts, Response<ResponseBody>), Own> {
    let function = gateway
        .functions
        .get(package)
        .map(Arc::clone)
        .ok_or(Own::Failed)?;
    let deadline = Instant::now() + route.integration.timeout;
    let Passed {
        parts,
        raw_query,
        parameters,
        body,
        ..
    } = request;
    let max_bytes = invoke::max_body_bytes(&parts.headers);
    let (body, _reservation) = invoke::whole(
        &gateway.memory.requests,
        body,
        max_bytes,
        deadline,
        exchange,
    )
    .await?;
    let event = proxy_event(
        exchange,
        &parts,
        &raw_query,
        parameters,
        &route.authorization,
        &body,
    );
    let response = invoke::invoke(function, event, deadline, exchange).await?;
    Ok((parts, keep(gateway, response, exchange)?))
}

/// A function's response is in memory as a whole until its client has read it.
fn keep(
    gateway: &Gateway,
    response: Response<ResponseBody>,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Own> {
    let length = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    let reservation = gateway.memory.responses.reserve(length).ok_or_else(|| {
        exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
        Own::Unavailable
    })?;
    Ok(response.map(|body| Reserved::new(body, reservation).boxed_unsync()))
}

/// Request mapping, listener rules, backend.
async fn ask_backend(
    gateway: &Gateway,
    integration: &Integration,
    request: Passed<'_>,
    exchange: &mut Exchange,
) -> Result<(RequestParts, Response<ResponseBody>), Own> {
    let deadline = Instant::now() + integration.timeout;
    let Passed {
        method,
        parts: original,
        body,
        ..
    } = request;
    let mut changed = integration.change_request(&original, exchange);
    let response = match rule_for(gateway, integration, &mut changed) {
        Some(rule) => answer::fixed(rule),
        None => {
            let request = outgoing(gateway, method, &changed, &original, (body, deadline))?;
            call(gateway, integration, request, deadline, exchange).await?
        }
    };
    Ok((original, response))
}

/// What the load balancer answers by itself, if it does.
fn rule_for<'g>(
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

fn outgoing(
    gateway: &Gateway,
    method: Method,
    changed: &RequestParts,
    original: &RequestParts,
    (body, deadline): (Incoming, Instant),
) -> Result<(Request<RequestBody>, RequestFate), Own> {
    let query = path::joined(&changed.query, &original.query);
    let target = path::encoded(&changed.path);
    let target = if query.is_empty() {
        target
    } else {
        format!("{target}?{query}")
    };
    let fate = RequestFate::default();
    let mut request = Request::new(RequestBody::new(body, deadline, fate.clone()));
    *request.method_mut() = method;
    *request.uri_mut() = gateway.backend.address(&target).ok_or(Own::Failed)?;
    *request.headers_mut() = changed.headers.clone();
    Ok((request, fate))
}

async fn call(
    gateway: &Gateway,
    integration: &Integration,
    (request, fate): (Request<RequestBody>, RequestFate),
    deadline: Instant,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Own> {
    match answered(gateway, request, deadline).await {
        Ok(response) => {
            let reservation = reserve(gateway, response.body(), exchange)?;
            Ok(response.map(|body| Reserved::new(body, reservation).boxed_unsync()))
        }
        // The call may have failed because the client's body did.
        Err(_) if fate.error() == Some(BodyError::TooLarge) => Err(Own::PayloadTooLarge),
        Err(_) if fate.error().is_some() => Err(Own::BadRequest),
        Err(NoAnswer::TooLate) => {
            exchange.integration_error = Some("the integration took too long".to_owned());
            Err(Own::Unavailable)
        }
        Err(NoAnswer::Target(status)) => {
            exchange.integration_error = Some(reason(status).to_owned());
            // Without a load balancer it is API Gateway itself that cannot reach the backend.
            if integration.listener.is_some() {
                Ok(answer::of_load_balancer(status))
            } else {
                Err(Own::Unavailable)
            }
        }
    }
}

/// The backend's response, once its body has begun.
async fn answered(
    gateway: &Gateway,
    request: Request<RequestBody>,
    deadline: Instant,
) -> Result<Response<BackendBody>, NoAnswer> {
    let (parts, body) = gateway.backend.call(request, deadline).await?.into_parts();
    let body = BackendBody::begin(body, deadline)
        .await
        .map_err(|error| match error {
            BodyError::TooLate => NoAnswer::TooLate,
            _ => NoAnswer::Target(StatusCode::BAD_GATEWAY),
        })?;
    Ok(Response::from_parts(parts, body))
}

/// Reserves what a response takes in buffers while its client does not read.
fn reserve(
    gateway: &Gateway,
    body: &BackendBody,
    exchange: &mut Exchange,
) -> Result<Reservation, Own> {
    let declared = body
        .size_hint()
        .upper()
        .and_then(|length| usize::try_from(length).ok());
    let bytes = declared.map_or(BUFFERED_RESPONSE, |length| length.min(BUFFERED_RESPONSE));
    gateway.memory.responses.reserve(bytes).ok_or_else(|| {
        exchange.integration_error = Some(MEMORY_EXHAUSTED.to_owned());
        Own::Unavailable
    })
}

fn reason(status: StatusCode) -> &'static str {
    if status == StatusCode::GATEWAY_TIMEOUT {
        "no connection to the target in time"
    } else {
        "the target refused or broke the connection"
    }
}
