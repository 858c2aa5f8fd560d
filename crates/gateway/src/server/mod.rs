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
mod local_caller;
mod path;
mod request;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;

use crate::api::{Api, Exchange};
use crate::function::Function;
use crate::memory_budget::MemoryBudget;
use crate::metrics::LocalMetrics;

pub use backend::Backend;
pub use serve::serve;

/// Memory for the bodies of requests to functions. An event takes several times its body's size.
const REQUEST_MEMORY: u32 = 32 * 1024 * 1024;
/// Memory for responses whose clients do not read.
const RESPONSE_MEMORY: u32 = 128 * 1024 * 1024;
/// What the access log says of a request that was refused for lack of memory.
const MEMORY_EXHAUSTED: &str = "the bodies of other requests use the memory";

/// Bounds on bodies in memory.
#[derive(Debug)]
struct Memory {
    requests: MemoryBudget,
    responses: MemoryBudget,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            requests: MemoryBudget::new(REQUEST_MEMORY),
            responses: MemoryBudget::new(RESPONSE_MEMORY),
        }
    }
}

/// Receives each line of the access log, with the exchange that it is about.
pub type LogSink = Arc<dyn Fn(&str, &Exchange) + Send + Sync>;

/// An API with what it needs to answer.
pub struct Gateway {
    api: Api,
    functions: HashMap<String, Arc<Function>>,
    backend: Backend,
    jwks: Bytes,
    metrics: Arc<LocalMetrics>,
    log: LogSink,
    memory: Memory,
}

impl Gateway {
    /// `functions` are found by their package's name; `backend` is where every integration leads;
    /// `jwks` are the local issuer's keys; `metrics` count every request and are shown at their
    /// path.
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
        }
    }

    /// Every function that a route needs.
    pub fn functions(&self) -> impl Iterator<Item = Arc<Function>> {
        self.functions.values().map(Arc::clone)
    }
}
