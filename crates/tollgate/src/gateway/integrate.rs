//! An integration's part: the request as it is to see it, its answer, and what clients see of that.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{self, Own};
use super::backend::NoAnswer;
use super::body::{BackendBody, BodyError, RequestBody, RequestFate, ResponseBody};
use super::event::proxy_event;
use super::{Gateway, headers, invoke, path};
use crate::api::{Exchange, FixedResponse, Integration, RequestParts, Route};

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
            headers::strip_connection(&mut request.parts.headers);
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
    let function = gateway.functions.get(package).map(Arc::clone).ok_or(Own::Failed)?;
    let deadline = Instant::now() + route.integration.timeout;
    let Passed { parts, raw_query, parameters, body, .. } = request;
    let body = invoke::whole(body, deadline).await?;
    let event = proxy_event(exchange, &parts, &raw_query, parameters, &route.authorization, &body);
    let response = invoke::invoke(function, event, deadline, exchange).await?;
    Ok((parts, response))
}

/// Request mapping, listener rules, backend.
async fn ask_backend(
    gateway: &Gateway,
    integration: &Integration,
    request: Passed<'_>,
    exchange: &mut Exchange,
) -> Result<(RequestParts, Response<ResponseBody>), Own> {
    let deadline = Instant::now() + integration.timeout;
    let Passed { method, parts: original, body, .. } = request;
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
    let mut rules = gateway.api.rules.iter().filter(|rule| rule.listener == *listener);
    rules.find(|rule| rule.matches(&request.headers)).map(|rule| &rule.response)
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
    let target = if query.is_empty() { target } else { format!("{target}?{query}") };
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
    match gateway.backend.call(request, deadline).await {
        Ok(response) => Ok(response.map(|body| BackendBody::new(body, deadline).boxed_unsync())),
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
            if integration.listener.is_some() { Ok(answer::of_load_balancer(status)) } else { Err(Own::Unavailable) }
        }
    }
}

fn reason(status: StatusCode) -> &'static str {
    if status == StatusCode::GATEWAY_TIMEOUT {
        "no connection to the target in time"
    } else {
        "the target refused or broke the connection"
    }
}
