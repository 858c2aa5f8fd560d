//! Calls a route's integration and maps its response.

use std::time::Instant;

use http::Response;
use hyper::body::Incoming;

use super::backend_call::call_backend;
use super::body::ResponseBody;
use super::function_call::call_function;
use super::integration_request::IntegrationRequest;
use super::response::ErrorResponse;
use super::{Gateway, headers};
use crate::api::{Exchange, Route};

/// Returns the integration's response, mapped.
pub(super) async fn integrate(
    gateway: &Gateway,
    route: &Route,
    mut request: IntegrationRequest<'_>,
    body: Incoming,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    let (began, integration) = (Instant::now(), &route.integration);
    let (original, response) = match &integration.function {
        Some(package) => call_function(gateway, package, route, request, body, exchange).await?,
        None => {
            headers::strip_expectation(&mut request.parts.headers);
            call_backend(gateway, integration, request, body, exchange).await?
        }
    };

    exchange.integration_status = Some(response.status().as_u16());
    exchange.integration_latency = Some(began.elapsed());
    let (mut parts, body) = response.into_parts();
    headers::strip_connection(&mut parts.headers);
    integration.change_response(&mut parts.status, &mut parts.headers, &original, exchange);
    Ok(Response::from_parts(parts, body))
}
