//! The refusals of documents: each has its place, and what was expected.

mod parts;
mod properties;
mod routes;
mod services;
mod shape;
mod versions;
mod warnings;

use crate::compositions::{Compositions, Settings};
use crate::error::CompositionError;

/// A document with all fields.
const FULL: &str = r#"{
    "services": { "default": { "url": "http://internal-alb.example", "max_concurrent_calls": 32 },
                  "users": { "url": "https://users.internal:8080" } },
    "routes": {
        "GET /bff/dashboard": {
            "parts": { "user": { "get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}, "timeout_ms": 1500 },
                       "orders": { "get": "/orders?userId={user_id}&limit=5&cursor={query.orders_cursor}", "fallback": {"items": [], "total": 0}, "required": false, "next": "/next" },
                       "offers": { "get": "/offers/{user#/segment}?lang={header.accept-language}", "after": ["user"], "as": "promotions", "charged": true } },
            "headers": ["accept-language"], "timeout_ms": 4000, "partial_status": 200, "fields_parameter": "fields", "cost": "parts",
            "versions": [ { "header": "x-app-version", "from": "1.0.0", "below": "2.0.0", "rename": {"orders": "data"}, "drop": ["user.email"], "move": {"user.address.city": "city"} } ] },
        "POST /bff/orders/{id}": {
            "parts": { "order": { "post": "/orders/{id}" },
                       "user": { "get": "/users/{user_id}", "after": "order" } }, "partial_status": 200 } } }"#;

fn settings() -> Settings<'static> {
    Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: None,
        replaced: None,
        is_deployed: true,
    }
}

fn parse(text: &str) -> Result<Compositions, CompositionError> {
    Compositions::parse(text, &settings())
}

/// Returns the message for an invalid document, after its position.
fn error(text: &str) -> String {
    let error = parse(text).expect_err(text);
    let position = error.position(text).expect("a position");
    format!("{position}: {error}")
}

/// Returns the error for the document above with `from` replaced by `to`, without the position.
fn changed(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "{from}");
    let text = FULL.replacen(from, to, 1);
    parse(&text).expect_err(&text).to_string()
}

/// Checks the errors of the full document with changes: text, its replacement, and the beginning of
/// the message.
fn assert_refused(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let message = changed(from, to);
        assert!(message.starts_with(expected), "{to}: {message}");
    }
}

#[test]
fn full_document_is_valid_and_without_warnings() {
    let compositions = parse(FULL).unwrap();
    assert_eq!(compositions.warnings(), []);
    assert_eq!(compositions.routes().count(), 2);
}

#[test]
fn error_has_the_position_of_the_field() {
    let text = "{\"services\": {\"default\": {\"url\": \"http://a.example\"}},\n \"routes\": {\"GET /bff/a\": {\"parts\": {\n  \"user\": {\"get\": \"/users\"},\n  \"orders\": {\"get\": \"/orders\", \"after\": \"usr\"}}}}}";
    assert_eq!(
        error(text),
        "4:41: routes[\"GET /bff/a\"].parts.orders.after: unknown part `usr`, did you mean `user`?"
    );
}
