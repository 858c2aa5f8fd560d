//! Responses that do not come from an integration: those of API Gateway and of the load balancer.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{ResponseBody, full};
use crate::api::FixedResponse;

/// An error response of API Gateway itself. Response mapping does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorResponse {
    /// The request is malformed.
    BadRequest,
    /// The authorizer does not know the caller.
    Unauthorized,
    /// The authorizer or IAM denied the request.
    Forbidden,
    /// No route matches.
    NotFound,
    /// The body is too large.
    PayloadTooLarge,
    /// The stage or the route is throttled.
    TooManyRequests,
    /// Request line and headers are too large.
    HeadersTooLarge,
    /// The authorizer or the gateway failed.
    InternalError,
    /// The integration timed out, for which an HTTP API has no 504; or memory is exhausted.
    Unavailable,
}

impl ErrorResponse {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The message in the body: the status's usual phrase, except for 413.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::PayloadTooLarge => "Request Entity Too Large",
            other => other.status().canonical_reason().unwrap_or_default(),
        }
    }

    pub(super) fn response(self) -> Response<ResponseBody> {
        let body = format!(r#"{{"message":"{}"}}"#, self.message());
        let mut response = whole(self.status(), "application/json", body);

        if matches!(
            self,
            Self::BadRequest | Self::PayloadTooLarge | Self::HeadersTooLarge
        ) {
            // The next bytes on the connection may be the rest of the refused request.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A JSON page of the local gateway itself.
pub(super) fn json_page(body: Bytes) -> Response<ResponseBody> {
    whole(StatusCode::OK, "application/json", body)
}

/// A 204 with these headers.
pub(super) fn no_content(headers: HeaderMap) -> Response<ResponseBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// The response of a listener rule.
pub(super) fn fixed(rule: &FixedResponse) -> Response<ResponseBody> {
    whole(rule.status, &rule.content_type, rule.body.clone())
}

/// The load balancer's response for a target that fails.
pub(super) fn load_balancer_error(status: StatusCode) -> Response<ResponseBody> {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    whole(status, "text/html", page)
}

pub(super) fn whole(
    status: StatusCode,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Response<ResponseBody> {
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
    fn errors_have_api_gateways_status_and_message() {
        for (error, status, message) in [
            (ErrorResponse::BadRequest, 400, "Bad Request"),
            (ErrorResponse::Unauthorized, 401, "Unauthorized"),
            (ErrorResponse::Forbidden, 403, "Forbidden"),
            (ErrorResponse::NotFound, 404, "Not Found"),
            (
                ErrorResponse::PayloadTooLarge,
                413,
                "Request Entity Too Large",
            ),
            (ErrorResponse::TooManyRequests, 429, "Too Many Requests"),
            (
                ErrorResponse::HeadersTooLarge,
                431,
                "Request Header Fields Too Large",
            ),
            (ErrorResponse::InternalError, 500, "Internal Server Error"),
            (ErrorResponse::Unavailable, 503, "Service Unavailable"),
        ] {
            assert_eq!(
                (error.response().status().as_u16(), error.message()),
                (status, message)
            );
        }
    }
}
