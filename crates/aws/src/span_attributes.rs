//! Attributes of the spans of calls, by the semantic conventions of OpenTelemetry for HTTP clients,
//! database clients and AWS SDKs. They never contain a header, a body, a query string or user info.

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use bytes::Bytes;
use http::{Method, Response, Uri};
use telemetry::Span;

use crate::call_error::CallError;
use crate::http_calls::HttpCall;

/// The name of DynamoDB's endpoint, which is the only database.
const DYNAMODB: &str = "dynamodb";

/// Sets the attributes of an HTTP request that is about to be sent.
pub(crate) fn describe_request(span: &mut Span, call: &HttpCall) {
    if span.is_none() {
        return;
    }

    let method = known_method(call.request.method());
    span.rename(method);
    span.set("http.request.method", method);
    span.set("url.full", url_without_query(call.request.uri()));
    span.set("tollgate.service", call.service.clone());
    span.set("tollgate.operation", call.operation);
    describe_server(span, call.request.uri());
}

/// Sets the attributes of an HTTP response, or of the error instead of one.
pub(crate) fn describe_response(span: &mut Span, outcome: &Result<Response<Bytes>, CallError>) {
    let Ok(response) = outcome else {
        return;
    };
    if span.is_none() {
        return;
    }

    let status = response.status();
    span.set("http.response.status_code", status.as_u16());
    if status.is_client_error() || status.is_server_error() {
        span.fail(status.as_str().to_owned());
    }
}

/// Sets the address that an AWS call is sent to.
pub(crate) fn describe_aws_request(span: &mut Span, uri: &Uri) {
    describe_server(span, uri);
}

/// Sets the attributes of an AWS call whose operation is known.
pub(crate) fn describe_aws_call(
    span: &mut Span,
    service: &'static str,
    operation: &Metadata,
    response: Option<&HttpResponse>,
) {
    if span.is_none() {
        return;
    }

    let (service_name, name) = (operation.service(), operation.name());
    span.rename(format!("{service_name}.{name}"));
    if service == DYNAMODB {
        span.set("db.system.name", "aws.dynamodb");
        span.set("db.operation.name", name.to_owned());
    } else {
        span.set("rpc.system.name", "aws-api");
        span.set("rpc.method", format!("{service_name}/{name}"));
    }

    if let Some(response) = response {
        span.set("http.response.status_code", response.status().as_u16());
        if let Some(id) = response.headers().get("x-amzn-requestid") {
            span.set("aws.request_id", id.to_owned());
        }
    }
}

fn describe_server(span: &mut Span, uri: &Uri) {
    let Some(host) = uri.host() else {
        return;
    };

    let default_port = if uri.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    span.set("server.address", host.to_owned());
    span.set("server.port", uri.port_u16().unwrap_or(default_port));
}

/// Returns the method, or `_OTHER` for one that the conventions do not know.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// Returns the URL without its query and user info, which may contain secrets.
fn url_without_query(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let host = authority.rsplit('@').next().unwrap_or_default();

    format!("{scheme}://{host}{}", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_no_query_and_no_user_info() {
        for (url, expected) in [
            (
                "https://user:hush@issuer.example:8443/a/b?token=hush",
                "https://issuer.example:8443/a/b",
            ),
            ("http://127.0.0.1", "http://127.0.0.1/"),
        ] {
            assert_eq!(url_without_query(&url.parse().unwrap()), expected);
        }
    }

    #[test]
    fn unknown_methods_share_a_name() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        assert_eq!(
            known_method(&Method::from_bytes(b"PURGE").unwrap()),
            "_OTHER"
        );
    }
}
