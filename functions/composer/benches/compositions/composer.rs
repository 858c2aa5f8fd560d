//! The composer behind a plain HTTP server, with the context of an authorizer that allows every
//! request.

use std::sync::Arc;

use bytes::Bytes;
use composer::{CallerContext, Composer, Config, OWN_CRATES, Request, open};
use http::{Request as HttpRequest, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use outcome::ContextField;
use telemetry::{RecordLog, start_log};

use crate::http_server;

const COMPOSITIONS: &str = include_str!("../../../../tests/bench/bff/compositions.json");
const POLICY: &str = r#"{
  "issuers": [{"issuer": "https://issuer.example", "audiences": ["https://api.example"], "default_plan": "free"}],
  "rules": [
    {"match": "ANY /bff/{proxy+}", "auth": "any"},
    {"match": "GET /users/{id}", "auth": "any"},
    {"match": "GET /orders", "auth": "any"},
    {"match": "GET /products/recommended", "auth": "jwt", "scopes": ["products:read"]}
  ]
}"#;

/// Serves until the process ends. Logs and call records are written as in Lambda.
pub(crate) async fn serve(port: u16, backend_url: &str) {
    let composer = Arc::new(composer(backend_url).await);
    start_log(OWN_CRATES, |_| None).unwrap();

    http_server::serve(port, move |request| respond(Arc::clone(&composer), request)).await;
}

/// Returns a composer as the environment variables of a function set it up.
pub(crate) async fn composer(backend_url: &str) -> Composer {
    let setting = |name: &str| {
        let value = match name {
            "COMPOSITIONS" => COMPOSITIONS,
            "AUTH_POLICY" => POLICY,
            "BACKEND_URL" => backend_url,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Config::from_lookup(setting).unwrap();
    let records = RecordLog::stdout().aggregated();
    open(config, setting, records, None).await.unwrap()
}

async fn respond(composer: Arc<Composer>, request: HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let uri = head.uri;
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
        id: Some("JKJaXmPLvHcESHA=".to_owned()),
        context: Some(context()),
        ..Request::default()
    };

    let reply = composer.compose(&request).await;
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// Returns the context of a caller with a token.
fn context() -> CallerContext {
    let fields = [
        (ContextField::Decision, "allowed"),
        (ContextField::Reason, "ok"),
        (ContextField::UserId, "user-1"),
        (ContextField::Issuer, "https://issuer.example"),
        (ContextField::Plan, "free"),
        (ContextField::Scopes, "products:read orders:read"),
        (ContextField::Auth, "jwt"),
        (ContextField::Caller, "sub#user-1"),
    ];
    CallerContext::new(fields.map(|(field, value)| (field, value.to_owned())))
}
