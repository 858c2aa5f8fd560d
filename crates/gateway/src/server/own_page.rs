//! The pages that only the local gateway has.

use http::{Method, Request, Response};
use hyper::body::Incoming;

use super::Gateway;
use super::body::ResponseBody;
use super::response::{self, ErrorResponse};
use crate::api::Exchange;
use crate::pages::{JWKS_PATH, METRICS_PATH};

/// Serves one of these pages to GET and HEAD. `None` for other requests. The pages are logged but
/// not counted as requests to the API.
pub(super) fn own_page(
    gateway: &Gateway,
    request: &Request<Incoming>,
    path: &str,
    is_local: bool,
    exchange: &mut Exchange,
) -> Option<Result<Response<ResponseBody>, ErrorResponse>> {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    if !is_read || ![JWKS_PATH, METRICS_PATH].contains(&path) {
        return None;
    }
    exchange.is_own_page = true;
    exchange.route_key = Some(format!("{} {path}", request.method()));

    if path == JWKS_PATH {
        return Some(Ok(response::json_page(gateway.jwks.clone())));
    }
    if !is_local {
        return Some(Err(ErrorResponse::Forbidden));
    }
    Some(Ok(response::metrics_page(gateway.metrics.prometheus())))
}
