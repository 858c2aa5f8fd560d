//! The gateway's own answers, in API Gateway's words, and the load balancer's.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{ResponseBody, full};
use crate::api::FixedResponse;

/// An answer that comes from no integration. Response mapping does not touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// A request that is not one.
    BadRequest,
    /// The authorizer knows no such caller.
    Unauthorized,
    /// The authorizer says no.
    Forbidden,
    /// No route.
    NotFound,
    /// The body is too large.
    PayloadTooLarge,
    /// Stage or route throttling.
    TooManyRequests,
    /// Request line and headers are too large.
    HeadersTooLarge,
    /// The authorizer failed, or the gateway itself.
    Failed,
    /// The integration took too long. An HTTP API has no 504 of its own.
    Unavailable,
}

impl Own {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The message, which is the status's usual phrase but for one.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::PayloadTooLarge => "Request Entity Too Large",
            other => other.status().canonical_reason().unwrap_or_default(),
        }
    }

    pub(super) fn response(self) -> Response<ResponseBody> {
        let mut response = whole(
            self.status(),
            "application/json",
            format!(r#"{{"message":"{}"}}"#, self.message()),
        );
        if matches!(
            self,
            Self::BadRequest | Self::PayloadTooLarge | Self::HeadersTooLarge
        ) {
            // What follows on the connection may be the rest of what was refused.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A page of the local gateway itself, in JSON.
pub(super) fn own_page(body: Bytes) -> Response<ResponseBody> {
    whole(StatusCode::OK, "application/json", body)
}

/// The local gateway's metrics, in Prometheus' text format.
pub(super) fn metrics_page(text: String) -> Response<ResponseBody> {
    whole(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        text,
    )
}

/// An answer that its headers say all of.
pub(super) fn no_content(headers: HeaderMap) -> Response<ResponseBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// What a listener rule answers.
pub(super) fn fixed(answer: &FixedResponse) -> Response<ResponseBody> {
    whole(answer.status, &answer.content_type, answer.body.clone())
}

/// What a load balancer answers for a target that does not.
pub(super) fn of_load_balancer(status: StatusCode) -> Response<ResponseBody> {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    whole(status, "text/html", page)
}

fn whole(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_speaks_in_api_gateways_words() {
        for (own, status, message) in [
            (Own::BadRequest, 400, "Bad Request"),
            (Own::Unauthorized, 401, "Unauthorized"),
            (Own::Forbidden, 403, "Forbidden"),
            (Own::NotFound, 404, "Not Found"),
            (Own::PayloadTooLarge, 413, "Request Entity Too Large"),
            (Own::TooManyRequests, 429, "Too Many Requests"),
            (Own::HeadersTooLarge, 431, "Request Header Fields Too Large"),
            (Own::Failed, 500, "Internal Server Error"),
            (Own::Unavailable, 503, "Service Unavailable"),
        ] {
            assert_eq!(
                (own.response().status().as_u16(), own.message()),
                (status, message)
            );
        }
    }
}
