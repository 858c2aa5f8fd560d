//! The gateway: what API Gateway and a load balancer do with a request, on one machine.

mod answer;
mod authorize;
mod backend;
mod body;
mod event;
mod head;
mod headers;
mod integrate;
mod invoke;
mod path;
mod request;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use crate::api::Api;
use crate::function::Function;
use crate::local::LocalMetrics;

pub use backend::Backend;
pub use serve::serve;

/// Where lines of the access log go.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// An API with what it needs to answer.
pub struct Gateway {
    api: Api,
    functions: HashMap<String, Arc<Function>>,
    backend: Backend,
    jwks: Bytes,
    metrics: Arc<LocalMetrics>,
    log: LogSink,
}

impl Gateway {
    /// `functions` are found by their package's name; `backend` is where every integration leads;
    /// `jwks` are the local issuer's keys; `metrics` count every request and are shown at their path.
    #[must_use]
    pub fn new(
        api: Api,
        functions: HashMap<String, Arc<Function>>,
        backend: &Uri,
        jwks: Bytes,
        metrics: Arc<LocalMetrics>,
        log: LogSink,
    ) -> Self {
        Self { api, functions, backend: Backend::new(backend), jwks, metrics, log }
    }

    /// Every function that a route needs.
    pub fn functions(&self) -> impl Iterator<Item = Arc<Function>> {
        self.functions.values().map(Arc::clone)
    }
}
