//! The pages that only the local gateway has.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::body::{ResponseBody, full};
use super::response::{self, ErrorResponse};
use super::{Gateway, metrics_page};
use crate::api::Exchange;
use crate::pages::{JWKS_PATH, METRICS_PATH, Pages};

/// The most bytes of a request for one of the added pages.
const MAX_PAGE_BODY_BYTES: usize = 1024 * 1024;
/// The time to receive such a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A page of the gateway.
pub(super) enum OwnPage {
    Jwks,
    Metrics,
    /// A page that the program around the gateway added.
    Added(Pages),
}

impl OwnPage {
    /// Returns the path, or the common beginning of the paths of added pages. The log has no text
    /// that only the client knows.
    const fn path(&self) -> &'static str {
        match self {
            Self::Jwks => JWKS_PATH,
            Self::Metrics => METRICS_PATH,
            Self::Added(pages) => pages.path,
        }
    }
}

/// Returns the page of a request, or `None` if the request is for the API.
pub(super) fn find(gateway: &Gateway, method: &Method, path: &str) -> Option<OwnPage> {
    if let Some(pages) = gateway.pages.as_ref().filter(|pages| pages.include(path)) {
        return Some(OwnPage::Added(pages.clone()));
    }
    if ![Method::GET, Method::HEAD].contains(method) {
        return None;
    }
    match path {
        JWKS_PATH => Some(OwnPage::Jwks),
        METRICS_PATH => Some(OwnPage::Metrics),
        _ => None,
    }
}

/// Serves a page. The pages are logged but not counted as requests to the API.
pub(super) async fn respond(
    gateway: &Gateway,
    page: OwnPage,
    request: Request<Incoming>,
    is_local: bool,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    exchange.is_own_page = true;
    gateway.metrics.live().end_request();
    exchange.route_key = Some(format!("{} {}", request.method(), page.path()));

    match page {
        OwnPage::Jwks => Ok(response::json_page(gateway.jwks.clone())),
        _ if !is_local => Err(ErrorResponse::Forbidden),
        OwnPage::Metrics => metrics_page::respond(gateway, request.headers()).await,
        OwnPage::Added(pages) => {
            let request = whole_request(request).await?;
            Ok((pages.handler)(request).await.map(full))
        }
    }
}

/// Reads the body of a request, which is small.
async fn whole_request(request: Request<Incoming>) -> Result<Request<Bytes>, ErrorResponse> {
    let (head, body) = request.into_parts();
    let collected = Limited::new(body, MAX_PAGE_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes())),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ErrorResponse::PayloadTooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(ErrorResponse::BadRequest),
    }
}
