//! A composer, its services, and requests of a caller.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use composer::{CallerContext, Composer, Config, PartReport, Reply, Request, open};
use composition::Missing;
use http::{HeaderMap, HeaderName, HeaderValue};
use outcome::ContextField;
use registry::Seeds;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store};
use telemetry::RecordLog;
use testing::http_server::{HttpReply, HttpRequest, HttpServer};
pub(crate) use testing::wait_until;

/// A policy that lets every caller with a credential call everything.
pub(crate) fn open_policy() -> Value {
    json!({"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]})
}

/// Returns a document with one route and one service.
pub(crate) fn document(url: &str, key: &str, route: Value) -> Value {
    json!({"services": {"default": {"url": url}}, "routes": {key: route}})
}

/// A composer without a store.
pub(crate) async fn composer(document: &Value, policy: &Value) -> Composer {
    composer_with(document, policy, None).await
}

/// A composer with plans and keys.
pub(crate) async fn composer_with(
    document: &Value,
    policy: &Value,
    store: Option<Arc<Store>>,
) -> Composer {
    let (document, policy) = (document.to_string(), policy.to_string());
    let setting = |name: &str| match name {
        "COMPOSITIONS" => Some(document.clone()),
        "AUTH_POLICY" => Some(policy.clone()),
        "ORIGIN_SECRET" => Some("origin-secret".to_owned()),
        _ => None,
    };
    let config = Config::from_lookup(setting).unwrap();
    let records = RecordLog::to(std::io::sink());
    open(config, setting, records, store).await.unwrap()
}

/// A store with these plans and keys.
pub(crate) fn store(seeds: &Value) -> Arc<Store> {
    let seeds = Seeds::parse(&seeds.to_string()).unwrap();
    Arc::new(Store::Embedded(EmbeddedStore::new(&seeds).unwrap()))
}

/// The context of a caller with the key `key-1`, with these fields changed.
pub(crate) fn context(changes: &[(ContextField, &str)]) -> CallerContext {
    let fields = [
        (ContextField::Decision, "allowed"),
        (ContextField::Reason, "ok"),
        (ContextField::UserId, "alice"),
        (ContextField::Auth, "api_key"),
        (ContextField::KeyId, "key-1"),
        (ContextField::Caller, "key#key-1"),
        (ContextField::Plan, "free"),
        (ContextField::Scopes, "-"),
        (ContextField::Roles, "-"),
        (ContextField::RequestId, "request-1"),
    ];
    let fields = fields.iter().chain(changes);
    CallerContext::new(fields.map(|(field, value)| (*field, (*value).to_owned())))
}

/// A GET request of the caller of [`context`].
pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        id: Some("id-1".to_owned()),
        context: Some(context(&[])),
        ..Request::default()
    }
}

/// Returns the request with these headers of the client.
pub(crate) fn with_headers(request: Request, headers: &[(&'static str, &str)]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Request {
        headers: map,
        ..request
    }
}

/// Returns the body of a response.
pub(crate) fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// Returns the report on a part.
pub(crate) fn part<'r>(reply: &'r Reply, name: &str) -> &'r PartReport {
    let part = reply.parts.iter().find(|part| part.name == name);
    part.expect("the part was considered")
}

/// Returns the missing parts of a response: each with its reason and whether it has a fallback.
pub(crate) fn missing(reply: &Reply) -> Vec<(String, Missing)> {
    let missing = reply
        .parts
        .iter()
        .filter_map(|part| Some((part.name.clone(), part.outcome.err()?)));
    missing.collect()
}

/// A service that responds to each path with its JSON, and to others with 404.
pub(crate) fn service(replies: &[(&str, Value)]) -> HttpServer {
    let server = HttpServer::start();
    for (path, json) in replies {
        server.reply(&format!("GET {path}"), HttpReply::json(200, json));
    }
    server
}

/// A service whose requests wait until the test lets each of them continue.
pub(crate) struct HeldService {
    pub(crate) server: HttpServer,
    release: std::sync::mpsc::Sender<()>,
}

impl HeldService {
    pub(crate) fn start(json: Value) -> Self {
        let (release, held): (_, Receiver<()>) = channel();
        let server = HttpServer::responding(move |_: &HttpRequest| {
            // A test that has ended releases its requests too.
            let _ = held.recv_timeout(Duration::from_secs(20));
            HttpReply::json(200, &json)
        });
        Self { server, release }
    }

    /// Lets one request continue.
    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}
