//! The span of a request, by the semantic conventions of OpenTelemetry for HTTP servers.

use std::borrow::Cow;

use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use outcome::ContextField;
use telemetry::{Span, SpanKind, TRACEPARENT, TRACESTATE, TraceParent, is_traced, propagates};

use super::body::BodyError;
use super::request::Connection;
use super::{Gateway, own_page, path};
use crate::api::{Exchange, IncompleteReason};

/// The methods that the conventions know.
const KNOWN_METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE",
];
/// The `http.request.method` of every other method.
const OTHER_METHOD: &str = "_OTHER";
/// The `error.type` of a request whose client left before the response had ended.
pub(crate) const CLIENT_DISCONNECTED: &str = "client_disconnected";
/// A field of the authorizer's context without a value.
const NOTHING: &str = "-";
/// The fields of the authorizer's context that become attributes.
const DECISION_ATTRIBUTES: [(ContextField, &str); 5] = [
    (ContextField::Plan, "tollgate.plan"),
    (ContextField::Decision, "tollgate.decision"),
    (ContextField::Reason, "tollgate.reason"),
    (ContextField::KeyId, "tollgate.key_id"),
    (ContextField::Violated, "tollgate.limit"),
];

/// Begins the span of a request as a child of the client's. `own_id` is the id of the request in
/// the access log. The context of the span replaces the `traceparent` of the request, so that
/// functions are children of this span. Records nothing without a tracer, and for the gateway's own
/// pages.
pub(super) fn begin<B>(
    gateway: &Gateway,
    request: &mut Request<B>,
    connection: Connection,
    own_id: &str,
) -> Span {
    if !is_traced() || is_own_page(gateway, request) {
        return Span::none();
    }

    let client = trace_context(request.headers()).filter(|_| propagates());
    let method = known_method(request.method());
    let mut span = Span::begin(SpanKind::Server, name_of(method), client.as_ref());
    describe(&mut span, request, connection);
    span.set("tollgate.request_id", own_id.to_owned());

    if let Some(context) = span.context().filter(|_| propagates()) {
        if client.is_none() {
            // It belongs to a `traceparent` that is missing or invalid.
            request.headers_mut().remove(TRACESTATE);
        }
        put_on(request.headers_mut(), context);
    }
    span
}

/// Adds what is known at the end of the response, and ends the span.
pub(super) fn end(span: &mut Span, exchange: &Exchange) {
    if span.is_none() {
        return;
    }

    if let Some(route) = route_path(exchange) {
        span.rename(format!("{} {route}", name_of(method_of(exchange))));
        span.set("http.route", route.to_owned());
    }
    for (field, attribute) in DECISION_ATTRIBUTES {
        if let Some(value) = context(exchange, field) {
            span.set(attribute, value.to_owned());
        }
    }
    if let Some(status) = exchange.status {
        span.set("http.response.status_code", status);
    }

    if let Some(error_type) = error_type(exchange) {
        span.fail(error_type);
    }
    span.end();
}

/// Sets the `traceparent` of an outgoing request.
pub(super) fn put_on(headers: &mut HeaderMap, context: &TraceParent) {
    if let Ok(value) = HeaderValue::try_from(context.to_string()) {
        headers.insert(HeaderName::from_static(TRACEPARENT), value);
    }
}

/// Returns a method that the conventions know, or `_OTHER`.
pub(super) fn known_method(method: &Method) -> &'static str {
    known_method_name(method.as_str())
}

fn known_method_name(method: &str) -> &'static str {
    let known = KNOWN_METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or(OTHER_METHOD)
}

fn method_of(exchange: &Exchange) -> &'static str {
    known_method_name(&exchange.method)
}

/// Returns the method as the name of a span has it.
pub(super) fn name_of(method: &'static str) -> &'static str {
    if method == OTHER_METHOD {
        "HTTP"
    } else {
        method
    }
}

fn is_own_page<B>(gateway: &Gateway, request: &Request<B>) -> bool {
    let path = path::decoded(request.uri());
    path.is_some_and(|path| own_page::find(gateway, request.method(), &path).is_some())
}

/// Returns the trace context in the headers, if there is exactly one that is valid.
pub(super) fn trace_context(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let parent = TraceParent::parse(value.to_str().ok()?)?;

    // It may be sent in several headers (section 3.3.1).
    let states = headers.get_all(TRACESTATE).iter();
    let states: Vec<_> = states.filter_map(|state| state.to_str().ok()).collect();
    Some(parent.with_state(Some(&states.join(","))))
}

fn describe<B>(span: &mut Span, request: &Request<B>, connection: Connection) {
    let method = known_method(request.method());
    span.set("http.request.method", method);
    if method == OTHER_METHOD {
        let original = request.method().as_str().to_owned();
        span.set("http.request.method_original", original);
    }

    span.set("url.scheme", "http");
    span.set("url.path", request.uri().path().to_owned());
    span.set("client.address", connection.client.ip().to_string());
    span.set("network.protocol.version", version(request.version()));
    if let Some(agent) = text(request.headers(), USER_AGENT) {
        span.set("user_agent.original", agent.to_owned());
    }
    let host = text(request.headers(), HOST).and_then(|host| host.parse::<Authority>().ok());
    if let Some(host) = host {
        span.set("server.address", host.host().to_owned());
        span.set("server.port", host.port_u16().unwrap_or(80));
    }
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the path of the route that the authorizer applied, or else of the API's route.
fn route_path(exchange: &Exchange) -> Option<&str> {
    let key = context(exchange, ContextField::Route).or(exchange.route_key.as_deref())?;
    Some(key.split_once(' ').map_or(key, |(_, path)| path))
}

/// Returns a field of the authorizer's context. `None` without a value.
fn context(exchange: &Exchange, field: ContextField) -> Option<&str> {
    let value = exchange.authorizer.get(field.as_str())?.as_str()?;
    Some(value).filter(|value| *value != NOTHING && !value.is_empty())
}

/// Returns the reason why the request failed. A refusal is no failure.
fn error_type(exchange: &Exchange) -> Option<Cow<'static, str>> {
    let Some(status) = exchange.status else {
        return Some(CLIENT_DISCONNECTED.into());
    };

    match exchange.incomplete {
        Some(IncompleteReason::Client) => Some(CLIENT_DISCONNECTED.into()),
        Some(IncompleteReason::Backend) => Some(body_error_type(BodyError::Backend).into()),
        Some(IncompleteReason::Timeout) => Some(body_error_type(BodyError::Timeout).into()),
        None => (status >= 500).then(|| status.to_string().into()),
    }
}

/// Returns the `error.type` of a body that ended early.
pub(super) const fn body_error_type(error: BodyError) -> &'static str {
    match error {
        BodyError::TooLarge => "body_too_large",
        BodyError::Client => "request_body",
        BodyError::Backend => "response_body",
        BodyError::Timeout => "timeout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(status: Option<u16>, incomplete: Option<IncompleteReason>) -> Exchange {
        let mut exchange = Exchange::begin("r1".to_owned(), [192, 0, 2, 1].into());
        (exchange.status, exchange.incomplete) = (status, incomplete);
        exchange
    }

    #[test]
    fn only_failures_have_an_error_type() {
        use IncompleteReason::{Backend, Client, Timeout};

        for (status, incomplete, expected) in [
            (Some(200), None, None),
            (Some(403), None, None),
            (Some(429), None, None),
            (Some(502), None, Some("502")),
            (Some(200), Some(Client), Some(CLIENT_DISCONNECTED)),
            (None, None, Some(CLIENT_DISCONNECTED)),
            (Some(200), Some(Timeout), Some("timeout")),
            (Some(200), Some(Backend), Some("response_body")),
        ] {
            let found = error_type(&exchange(status, incomplete));
            assert_eq!(found.as_deref(), expected, "{status:?} {incomplete:?}");
        }
    }

    #[test]
    fn route_is_the_authorizers_or_the_apis() {
        let mut exchange = exchange(Some(200), None);
        assert_eq!(route_path(&exchange), None);
        exchange.route_key = Some("ANY /{proxy+}".to_owned());
        assert_eq!(route_path(&exchange), Some("/{proxy+}"));
        exchange.route_key = Some("$default".to_owned());
        assert_eq!(route_path(&exchange), Some("$default"));

        for (route, expected) in [("-", "$default"), ("GET /orders/{id}", "/orders/{id}")] {
            exchange.authorizer.insert("route".to_owned(), route.into());
            assert_eq!(route_path(&exchange), Some(expected));
        }
    }

    #[test]
    fn unknown_methods_share_a_name() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        let purge = Method::from_bytes(b"PURGE").unwrap();
        assert_eq!(known_method(&purge), OTHER_METHOD);
        assert_eq!(name_of(known_method(&purge)), "HTTP");
    }

    #[test]
    fn repeated_or_invalid_trace_contexts_are_ignored() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (values, is_used) in [
            (vec![], false),
            (vec![valid], true),
            (vec![valid, valid], false),
            (vec!["00-1-2-01"], false),
        ] {
            let values = values.iter().map(|value| {
                (
                    HeaderName::from_static(TRACEPARENT),
                    HeaderValue::from_static(value),
                )
            });
            let headers: HeaderMap = values.collect();
            assert_eq!(trace_context(&headers).is_some(), is_used, "{headers:?}");
        }
    }
}
