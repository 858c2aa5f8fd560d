//! An API on loopback with the admin API, an authorizer and a backend that echoes requests, for tests
//! of the checks by requests. Each test makes one part of it wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin_client::{AdminClient, TargetOptions};
use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};
use percent_encoding::percent_decode_str;
use registry::KeyHash;
use serde_json::{Value, json};
use testing::{HttpReply, HttpRequest, HttpServer};

use crate::requests::{RequestOptions, Requests};
use crate::stack::Stack;

const BURST: f64 = 2.0;
const ADMIN: &str = "/_tollgate/v1";

/// Changes the response to a request.
type Change = Box<dyn Fn(&HttpRequest, HttpReply) -> HttpReply + Send>;

/// What is wrong with the API.
#[derive(Default)]
pub(crate) struct Faults {
    /// The backend serves throttled requests.
    pub(crate) lacks_rule: bool,
    /// The limit admits this many calls more at once.
    pub(crate) extra_burst: u32,
    /// The authorizer admits disabled keys.
    pub(crate) admits_disabled: bool,
    /// The usage report has this many calls too many.
    pub(crate) extra_usage: i64,
    /// The backend receives the headers for which this is true, as the client sent them.
    pub(crate) passes_header: Option<fn(&str) -> bool>,
    /// The path is decoded once only.
    pub(crate) decodes_once: bool,
    /// Admin requests that begin with this method and path are denied by IAM.
    pub(crate) denies: Option<&'static str>,
}

/// The API.
pub(crate) struct FakeApi {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

/// The contents of the API.
struct State {
    faults: Faults,
    /// The programs that made the plans, by name.
    plans: BTreeMap<String, Option<String>>,
    keys: BTreeMap<String, Key>,
    tokens: f64,
    requests: u64,
}

struct Key {
    document: Value,
    managed_by: Option<String>,
    calls: i64,
}

impl FakeApi {
    /// Starts an API without faults.
    pub(crate) fn healthy() -> Self {
        Self::with(Faults::default())
    }

    pub(crate) fn with(faults: Faults) -> Self {
        Self::changing(faults, Box::new(|_, reply| reply))
    }

    /// Starts an API some of whose responses are changed.
    pub(crate) fn changed(
        change: impl Fn(&HttpRequest, HttpReply) -> HttpReply + Send + 'static,
    ) -> Self {
        Self::changing(Faults::default(), Box::new(change))
    }

    fn changing(faults: Faults, change: Change) -> Self {
        let tokens = BURST + f64::from(faults.extra_burst);
        let state = Arc::new(Mutex::new(State {
            faults,
            plans: BTreeMap::new(),
            keys: BTreeMap::new(),
            tokens,
            requests: 0,
        }));
        let shared = Arc::clone(&state);
        let server = HttpServer::responding(move |request| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let reply = state.respond(request);
            change(request, reply)
        });
        Self { server, state }
    }

    /// Returns the context of checks. Pauses end at once, and fill the token bucket.
    pub(crate) async fn requests(&self, options: RequestOptions) -> Requests {
        self.requests_of(options, None).await
    }

    pub(crate) async fn requests_of(
        &self,
        options: RequestOptions,
        stack: Option<Stack>,
    ) -> Requests {
        let target = TargetOptions {
            url: Some(self.server.url()),
            ..TargetOptions::default()
        };
        let client = AdminClient::connect(&target).await.unwrap();
        let state = Arc::clone(&self.state);
        Requests::new(client, options, stack).pausing(Arc::new(move |time: Duration| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.tokens = BURST.min(state.tokens + time.as_secs_f64());
            Box::pin(std::future::ready(()))
        }))
    }

    /// Returns the names of all plans and keys.
    pub(crate) fn objects(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let plans = state.plans.keys().map(|name| format!("plan {name}"));
        plans
            .chain(state.keys.keys().map(|name| format!("key {name}")))
            .collect()
    }

    /// Adds a plan, and a key of it if `key` is true.
    pub(crate) fn add(&self, name: &str, managed_by: Option<&str>, key: bool) {
        let mut state = self.state.lock().unwrap();
        let managed_by = managed_by.map(str::to_owned);
        state.plans.insert(name.to_owned(), managed_by.clone());
        if key {
            let document = json!({"key_id": name, "plan": name, "hash": "", "enabled": true});
            let key = Key {
                document,
                managed_by,
                calls: 0,
            };
            state.keys.insert(name.to_owned(), key);
        }
    }

    /// Returns the requests so far.
    pub(crate) fn received(&self) -> Vec<HttpRequest> {
        self.server.requests()
    }
}

impl State {
    fn respond(&mut self, request: &HttpRequest) -> HttpReply {
        self.requests += 1;
        let path = request.target.split('?').next().unwrap_or_default();
        if let Some(path) = path.strip_prefix(ADMIN) {
            return self.administrate(request, path);
        }
        let Some(decoded) = self.decoded(path) else {
            return gateway(400, "Bad Request");
        };
        match (request.method.as_str(), path) {
            ("OPTIONS", _) => self.mapped(200, &self.echo(request, &decoded, None)),
            ("GET", "/health") => self.mapped(200, &json!({"status": "ok"})),
            _ => self.authorized(request, &decoded),
        }
    }

    fn authorized(&mut self, request: &HttpRequest, path: &str) -> HttpReply {
        let imitates = |name: &str| {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            plain.starts_with("x-tollgate-") && name.contains('_')
        };
        let passes = self.faults.passes_header.unwrap_or(|_| false);
        let mut names = request.header_lines.iter().map(|(name, _)| name);
        if names.any(|name| imitates(name) && !passes(name)) {
            return gateway(403, "Forbidden");
        }

        let mut sent = request
            .header_lines
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-api-key"));
        let hash = match (sent.next(), sent.next()) {
            (Some((_, secret)), None) => KeyHash::of(secret).ok().map(|hash| hash.hex()),
            _ => None,
        };
        let found = self.keys.iter().find(|(_, key)| {
            let is_enabled = key.document["enabled"] == true || self.faults.admits_disabled;
            is_enabled && hash.as_deref() == key.document["hash"].as_str()
        });
        let Some(key_id) = found.map(|(key_id, _)| key_id.clone()) else {
            return gateway(401, "Unauthorized");
        };

        let is_throttled = self.tokens < 1.0;
        if is_throttled && !self.faults.lacks_rule {
            let body = json!({
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
                "status": 429,
            });
            let reply = self.mapped(429, &body);
            return limited(reply, 0).header("retry-after", "1");
        }
        if !is_throttled {
            self.tokens -= 1.0;
            if let Some(key) = self.keys.get_mut(&key_id) {
                key.calls += 1;
            }
        }
        let body = self.echo(request, path, Some(&key_id));
        limited(self.mapped(200, &body), self.tokens as u64)
    }

    /// Returns the request as the backend received it.
    fn echo(&self, request: &HttpRequest, path: &str, key_id: Option<&str>) -> Value {
        let passes = self.faults.passes_header.unwrap_or(|_| false);
        let is_ours = |name: &str| {
            let name = name.to_ascii_lowercase();
            BACKEND_HEADERS.contains(&name.as_str()) || name == ORIGIN_HEADER || name.contains('_')
        };
        let lines = request.header_lines.iter();
        let received = lines.filter(|(name, _)| passes(name) || !is_ours(name));
        let headers: Vec<Value> = received
            .map(|(name, value)| json!([name, value]))
            .chain(set_headers(key_id))
            .collect();
        json!({"path": path, "headers": headers})
    }

    /// Adds what response mapping adds.
    fn mapped(&self, status: u16, body: &Value) -> HttpReply {
        let id = format!("r{}", self.requests);
        HttpReply::json(status, body)
            .header("x-request-id", &id)
            .header("apigw-requestid", &id)
            .header("strict-transport-security", "max-age=31536000")
            .header("x-content-type-options", "nosniff")
            .header("x-frame-options", "DENY")
    }

    /// Returns the path as the backend receives it.
    fn decoded(&self, path: &str) -> Option<String> {
        let once = decoded_once(path)?;
        if self.faults.decodes_once {
            return Some(once);
        }
        decoded_once(once.split('?').next().unwrap_or_default())
    }

    fn administrate(&mut self, request: &HttpRequest, path: &str) -> HttpReply {
        let is_foreign = request.headers.contains_key("origin")
            || request.headers.contains_key("sec-fetch-site")
            || !request.headers["host"].starts_with("127.0.0.1");
        let line = format!("{} {path}", request.method);
        let is_denied = self.faults.denies.is_some_and(|it| line.starts_with(it));
        if is_foreign || is_denied {
            return gateway(403, "Forbidden");
        }

        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let managed_by = request.headers.get("x-tollgate-managed-by").cloned();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["plans"]) => {
                let plan = |(name, by): (&String, &Option<String>)| json!({"name": name, "plan": {}, "managed_by": by});
                let items: Vec<Value> = self.plans.iter().map(plan).collect();
                document(&json!({"items": items, "next_cursor": null}))
            }
            ("PUT", ["plans", name]) => {
                self.plans.insert((*name).to_owned(), managed_by);
                document(&body)
            }
            ("DELETE", ["plans", name]) => {
                let is_used = self.keys.values().any(|key| key.document["plan"] == **name);
                match is_used {
                    true => problem(409),
                    false if self.plans.remove(*name).is_some() => HttpReply::text(204, "", ""),
                    false => problem(404),
                }
            }
            ("DELETE", ["keys", id]) => match self.keys.remove(*id) {
                Some(_) => HttpReply::text(204, "", ""),
                None => problem(404),
            },
            (method, ["keys", id, rest @ ..]) => self.key(method, id, rest, body, managed_by),
            _ => problem(404),
        }
    }

    fn key(
        &mut self,
        method: &str,
        id: &str,
        rest: &[&str],
        body: Value,
        managed_by: Option<String>,
    ) -> HttpReply {
        if method == "PUT" {
            let mut document = body.clone();
            document["key_id"] = id.into();
            document["enabled"] = true.into();
            let key = Key {
                document,
                managed_by,
                calls: 0,
            };
            self.keys.insert(id.to_owned(), key);
        }
        let Some(key) = self.keys.get_mut(id) else {
            return problem(404);
        };
        if method == "PATCH" {
            key.document["enabled"] = body["enabled"].clone();
        }
        if rest == ["usage"] {
            let calls = key.calls + self.faults.extra_usage;
            return document(&json!({"days": [{"calls": 0}, {"calls": calls}]}));
        }
        let mut shown = key.document.clone();
        shown["managed_by"] = json!(key.managed_by);
        document(&shown)
    }
}

fn decoded_once(path: &str) -> Option<String> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_valid = path.split('%').skip(1).all(is_escape);
    is_valid.then(|| percent_decode_str(path).decode_utf8_lossy().into_owned())
}

fn gateway(status: u16, message: &str) -> HttpReply {
    HttpReply::json(status, &json!({"message": message})).header("apigw-requestid", "g1")
}

fn limited(reply: HttpReply, remaining: u64) -> HttpReply {
    reply
        .header("ratelimit-policy", r#""burst";q=2;w=2"#)
        .header("ratelimit", &format!(r#""burst";r={remaining};t=1"#))
}

fn document(body: &Value) -> HttpReply {
    HttpReply::json(200, body).header("etag", "\"1\"")
}

fn problem(status: u16) -> HttpReply {
    let body = json!({"status": status, "detail": "refused"}).to_string();
    HttpReply::text(status, "application/problem+json", &body)
}

/// Returns the headers that request mapping sets: all with a key, and only the proof of origin
/// without one.
fn set_headers(key_id: Option<&str>) -> Vec<Value> {
    let of_key = |key_id: &str| {
        let value = |name: &str| match name {
            "x-tollgate-key-id" | "x-tollgate-plan" => key_id.to_owned(),
            _ => "-".to_owned(),
        };
        BACKEND_HEADERS.map(|name| json!([name, value(name)]))
    };
    let identity = key_id.map(of_key).into_iter().flatten();
    identity.chain([json!([ORIGIN_HEADER, "-"])]).collect()
}
