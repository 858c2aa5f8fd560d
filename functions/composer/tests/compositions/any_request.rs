//! Arbitrary requests: none panics, and no value leaves its place in a call.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use composer::{CallerContext, Composer, Reply, Request};
use http::{HeaderMap, HeaderName, HeaderValue};
use outcome::ContextField;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use testing::http_server::{HttpReply, HttpRequest, HttpServer};
use tokio::runtime::Runtime;

use crate::support::*;

fn document_of(url: &str) -> Value {
    let route = json!({
        "parts": {
            "user": {"get": "/users/{user_id}/x", "fallback": null},
            "product": {"get": "/products/{id}?page={query.page}&lang={header.accept-language}", "next": "/next"},
            "offers": {"get": "/offers/{user#/name}", "after": "user", "charged": true},
        },
        "headers": ["accept-language"],
        "fields_parameter": "fields",
        "versions": [{"header": "x-app-version", "below": "2.0.0", "rename": {"user": "me"}, "drop": ["product.name"]}],
    });
    document(url, "GET /bff/{id}", route)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        "[./%\\\\?#&=;@: -]{0,6}",
        "(\\.|%2e|%2F|%5c|%00|\\.\\.|/|a){0,4}",
        ".{0,8}",
        Just("user,product(name)".to_owned()),
        Just("allowed".to_owned()),
        Just("api_key".to_owned()),
    ]
}

fn context_of() -> impl Strategy<Value = Option<CallerContext>> {
    let field = || (select(ContextField::ALL.to_vec()), text());
    let usual = proptest::collection::vec(field(), 0..4).prop_map(|changes| {
        let changes: Vec<_> = changes
            .iter()
            .map(|(field, text)| (*field, text.as_str()))
            .collect();
        Some(context(&changes))
    });
    let any = proptest::collection::vec(field(), 0..8)
        .prop_map(|fields| Some(CallerContext::new(fields)));
    prop_oneof![1 => Just(None), 6 => usual, 2 => any]
}

fn any_request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![4 => Just("GET".to_owned()), 1 => "(HEAD|POST|OPTIONS|get|.{0,4})"];
    let path = prop_oneof![4 => text().prop_map(|id| format!("/bff/{id}")), 1 => text()];
    let query = (select(vec!["page", "fields", "other", "p%61ge"]), text())
        .prop_map(|(name, value)| format!("{name}={value}"));
    let queries = proptest::collection::vec(query, 0..3).prop_map(|pairs| pairs.join("&"));
    let header = (
        select(vec![
            "accept-language",
            "x-app-version",
            "if-none-match",
            "x-request-id",
            "traceparent",
        ]),
        text(),
    );
    let headers = proptest::collection::vec(header, 0..3).prop_map(|headers| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                map.append(HeaderName::from_static(name), value);
            }
        }
        map
    });

    (method, path, queries, headers, context_of(), text()).prop_map(
        |(method, path, query, headers, context, id)| Request {
            method,
            path,
            query,
            headers,
            id: Some(id),
            source_address: "192.0.2.7".parse().ok(),
            context,
            ..Request::default()
        },
    )
}

/// Checks that a response is well-formed, and that each call has the form of its template.
fn check(reply: &Reply, request: &Request, sent: &[HttpRequest]) -> Result<(), TestCaseError> {
    let known = [200, 204, 206, 304, 400, 404, 405, 429, 500, 502, 503];
    prop_assert!(known.contains(&reply.status.as_u16()), "{}", reply.status);
    if !reply.body.is_empty() {
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        prop_assert!(body.is_object());
    }
    if reply.status.is_client_error() || reply.status.is_server_error() {
        prop_assert!(reply.parts.iter().all(|part| part.attempts == 0));
    }

    prop_assert!(request.context.is_some() || sent.is_empty());
    for sent in sent {
        let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
        let segments: Vec<_> = path.split('/').collect();
        let is_known = matches!(
            segments.as_slice(),
            ["", "users", id, "x"] | ["", "products" | "offers", id] if !id.is_empty()
        );
        prop_assert!(is_known, "{}", sent.target);
        prop_assert!(
            segments
                .iter()
                .all(|segment| !["..", "."].contains(segment))
        );

        let names: BTreeSet<_> = query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap())
            .collect();
        prop_assert!(
            names.is_subset(&BTreeSet::from(["", "page", "lang"])),
            "{}",
            sent.target
        );
        prop_assert_eq!(&sent.headers["x-tollgate-origin"], "origin-secret");
    }
    Ok(())
}

/// The requests of one case. The server keeps all of them, and copying those would take long.
type Sent = Arc<Mutex<Vec<HttpRequest>>>;

fn start(runtime: &Runtime) -> (Sent, Composer) {
    let sent = Sent::default();
    let requests = Arc::clone(&sent);
    let service = HttpServer::responding(move |request| {
        requests.lock().unwrap().push(request.clone());
        HttpReply::json(200, &json!({"name": "../a b", "next": "?page=2&x=1"}))
    });

    let store = store(&json!({"plans": {"free": {}}}));
    let document = document_of(&service.url());
    let composer = runtime.block_on(composer_with(&document, &open_policy(), Some(store)));
    (sent, composer)
}

#[test]
fn no_request_panics_or_changes_the_form_of_a_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    let (sent, composer) = start(&runtime);
    let calls = Cell::new(0);
    proptest!(|(request in any_request())| {
        let reply = runtime.block_on(composer.compose(&request));

        let sent = std::mem::take(&mut *sent.lock().unwrap());
        calls.set(calls.get() + sent.len());
        check(&reply, &request, &sent)?;
    });
    assert!(calls.get() > 0);
}
