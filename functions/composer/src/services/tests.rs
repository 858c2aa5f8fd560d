//! Tests with real connections. Each has servers of its own on free ports.

mod admission;
mod breaker;
mod hostile;
mod limits;
mod responses;
mod retries;
mod telemetry;

use std::time::Duration;

use ::telemetry::RecordLog;
use aws::{Connections, Deadline, HttpCalls, Reach};
use bytes::Bytes;
use composition::{Compositions, Missing, Settings};
use http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;

use super::Services;
use crate::part_call::{PartCall, PartReply};
use crate::part_response::MAX_BODY_BYTES;

/// The time for a call that should succeed. It is far above what a busy machine needs.
const AMPLE_MS: u64 = 6_000;

/// Services and the compositions that call them.
struct Caller {
    compositions: Compositions,
    services: Services,
}

/// The settings of a [`Caller`].
struct Setup<'s> {
    /// The URL of each service. Each has a part `GET /x` of the same name, and the first a `POST`.
    urls: &'s [(&'s str, &'s str)],
    timeout_ms: u64,
    max_concurrent_calls: u64,
}

impl<'s> Setup<'s> {
    fn of(urls: &'s [(&'s str, &'s str)]) -> Self {
        Self {
            urls,
            timeout_ms: AMPLE_MS,
            max_concurrent_calls: 32,
        }
    }

    fn timeout_ms(self, timeout_ms: u64) -> Self {
        Self { timeout_ms, ..self }
    }

    fn max_concurrent_calls(self, max_concurrent_calls: u64) -> Self {
        Self {
            max_concurrent_calls,
            ..self
        }
    }

    fn caller(self) -> Caller {
        let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 32);
        self.caller_with(HttpCalls::new(
            connections,
            RecordLog::to(std::io::sink()),
            MAX_BODY_BYTES,
        ))
    }

    fn caller_with(self, calls: HttpCalls) -> Caller {
        let compositions = self.compositions();
        Caller {
            services: Services::new(compositions.services(), calls),
            compositions,
        }
    }

    fn compositions(&self) -> Compositions {
        let services = self.urls.iter().map(|(name, url)| {
            let service = json!({"url": url, "max_concurrent_calls": self.max_concurrent_calls});
            ((*name).to_owned(), service)
        });
        let parts = self.urls.iter().map(|(name, _)| {
            let part = json!({"get": "/x", "service": name, "timeout_ms": self.timeout_ms});
            ((*name).to_owned(), part)
        });
        let (first, _) = self.urls[0];
        let post = json!({"post": "/x", "service": first, "timeout_ms": self.timeout_ms});

        let document = json!({
            "services": services.collect::<serde_json::Map<_, _>>(),
            "routes": {
                "GET /bff/x": {"parts": parts.collect::<serde_json::Map<_, _>>(), "timeout_ms": 20_000},
                "POST /bff/x": {"parts": {"post": post}, "timeout_ms": 20_000},
            },
        });
        compositions(&document)
    }
}

/// Reads a document.
fn compositions(document: &serde_json::Value) -> Compositions {
    let settings = Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: None,
        replaced: None,
        is_deployed: false,
    };
    Compositions::parse(&document.to_string(), &settings).unwrap()
}

impl Caller {
    /// Calls the part with the name of a service.
    async fn get(&self, service: &str) -> PartReply {
        self.get_within(service, Duration::from_secs(20)).await
    }

    async fn get_within(&self, service: &str, budget: Duration) -> PartReply {
        let route = self.compositions.find("GET", "/bff/x").unwrap().value;
        let part = route.parts.iter().find(|part| part.name == service);
        let call = PartCall {
            service: part.unwrap().service,
            part: part.unwrap(),
            path_and_query: "/x?q=1".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline: Deadline::after(Instant::now().into_std(), budget),
        };
        self.services.call(call).await
    }

    async fn post(&self, body: &'static str) -> PartReply {
        let route = self.compositions.find("POST", "/bff/x").unwrap().value;
        let call = PartCall {
            service: route.parts[0].service,
            part: &route.parts[0],
            path_and_query: "/x".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            deadline: Deadline::after(Instant::now().into_std(), Duration::from_secs(20)),
        };
        self.services.call(call).await
    }
}

/// Returns the JSON, or the reason why there is none.
fn json_of(reply: &PartReply) -> Result<&str, Missing> {
    let body = reply.outcome.as_ref();
    body.map(|body| str::from_utf8(&body.json).unwrap())
        .map_err(|missing| *missing)
}
