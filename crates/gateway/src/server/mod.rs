//! The HTTP server: does with a request what API Gateway and a load balancer do.
//!
//! A request passes `connections` → `request` → `authorize` → `integration` → `function_call` or
//! `backend_call`.

mod access_log_entry;
mod authorize;
mod backend;
mod backend_body;
mod backend_call;
mod backend_span;
mod body;
mod connections;
mod event;
mod function_call;
mod head_scanner;
mod headers;
mod integration;
mod integration_request;
mod invocation;
mod local_caller;
mod metrics_page;
mod own_page;
mod path;
mod request;
mod request_body;
mod request_span;
mod response;
mod stream;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use crate::api::{Api, Exchange, LogFormat};
use crate::function::Function;
use crate::memory_budget::MemoryBudget;
use crate::metrics::LocalMetrics;
use crate::pages::Pages;

use backend::Backend;
pub use connections::serve;
use metrics_page::Scrapes;
pub(crate) use request_span::CLIENT_DISCONNECTED;

/// Memory for the bodies of requests to functions. An event takes several times its body's size.
const REQUEST_MEMORY_BYTES: u32 = 32 * 1024 * 1024;
/// Memory for responses whose clients read slowly.
const RESPONSE_MEMORY_BYTES: u32 = 128 * 1024 * 1024;
/// The access log's error for a request that is refused because memory is exhausted.
const MEMORY_EXHAUSTED: &str = "the bodies of other requests use the memory";

/// Limits on bodies in memory.
#[derive(Debug)]
struct Memory {
    requests: MemoryBudget,
    responses: MemoryBudget,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            requests: MemoryBudget::new(REQUEST_MEMORY_BYTES),
            responses: MemoryBudget::new(RESPONSE_MEMORY_BYTES),
        }
    }
}

/// Receives each exchange that has ended, and the format of its line in the access log.
pub type LogSink = Arc<dyn Fn(&LogFormat, &Exchange) + Send + Sync>;

/// An API with everything that its requests need.
pub struct Gateway {
    api: Api,
    functions: HashMap<String, Arc<Function>>,
    backend: Backend,
    jwks: Bytes,
    metrics: Arc<LocalMetrics>,
    log: LogSink,
    memory: Memory,
    scrapes: Scrapes,
    pages: Option<Pages>,
}

impl Gateway {
    /// Creates a gateway.
    ///
    /// - `functions`: the functions by package name
    /// - `backend`: the target of all HTTP integrations, as `http://HOST:PORT`
    /// - `jwks`: the local issuer's public keys
    /// - `metrics`: counts every request
    #[must_use]
    pub fn new(
        api: Api,
        functions: HashMap<String, Arc<Function>>,
        backend: &Uri,
        jwks: Bytes,
        metrics: Arc<LocalMetrics>,
        log: LogSink,
    ) -> Self {
        Self {
            api,
            functions,
            backend: Backend::new(backend),
            jwks,
            metrics,
            log,
            memory: Memory::default(),
            scrapes: Scrapes::default(),
            pages: None,
        }
    }

    /// Adds pages to those of the gateway itself.
    #[must_use]
    pub fn with_pages(mut self, pages: Option<Pages>) -> Self {
        self.pages = pages;
        self
    }

    /// Hands an exchange that has ended to the pages.
    fn observe(&self, exchange: &Exchange) {
        let observer = self
            .pages
            .as_ref()
            .and_then(|pages| pages.observer.as_ref());
        if let Some(observer) = observer {
            observer(exchange);
        }
    }

    /// The functions that routes invoke.
    pub fn functions(&self) -> impl Iterator<Item = Arc<Function>> {
        self.functions.values().map(Arc::clone)
    }
}
